import { defineCodes } from '../api/index.js';

export const API_RESOURCE_CODES = defineCodes(300001, {
  versionIdMissing: ['Versions_IdCanNotBeNull', 'The API has no id at the gateway', '网关标识不能为空'],
  versionDetailFailed: [
    'Versions_GetDetailFailed',
    'The gateway did not tell about the API',
    '获取网关详情失败',
  ],
  versionListFailed: [
    'Versions_GetVersionListFailed',
    'The gateway did not list versions',
    '获取版本列表失败',
  ],
  revisionDetailFailed: [
    'PublishRevision_GetDetailFailed',
    'The gateway did not tell about the API',
    '获取网关详情失败',
  ],
  revisionPublishFailed: [
    'PublishRevision_PublishFailed',
    'The revision was not published',
    '发布修订版失败',
  ],
  revisionReleaseFailed: [
    'PublishRevision_CreateReleaseFailed',
    'The release of the revision was not made',
    '创建修订版发布记录失败',
  ],
  releaseIdMissing: ['Releases_IdCanNotBeNull', 'The API has no id at the gateway', '网关标识不能为空'],
  releaseListFailed: ['Releases_GetListFailed', 'The gateway did not list releases', '获取发布列表失败'],
  subscriptionFailed: ['Subscription_PostFailed', 'The subscription was not made', '订阅失败'],
  subscriptionCodeFailed: ['Subscription_VerifyCodeFailed', 'The code is not valid', '验证码校验失败'],
  publishFailed: ['Publish_PublishFailed', 'The gateway did not publish', '发布失败'],
  subscriptionEndFailed: [
    'Subscription_DelSubscriptionFailed',
    'The subscription was not ended',
    '取消订阅失败',
  ],
  emailAddFailed: ['VerifyEmail_AddEmailFailed', 'The address was not added', '添加邮箱失败'],
  packagePostFailed: ['Packages_PostFailed', 'The package was not added', '添加包失败'],
  packageDeleteFailed: ['Packages_DelPackageFailed', 'The package was not deleted', '删除包失败'],
  packagePutFailed: ['Packages_PutPackageFailed', 'The package was not changed', '更新包失败'],
  onlineVersionFailed: ['SetOnlineVersion_PostFailed', 'The version was not set online', '上线版本失败'],
  emailSendFailed: ['VerifyEmail_SendFailed', 'The mail was not sent', '发送邮件失败'],
  nameExists: ['ApiResource_NameExists', 'Another API has this name', 'API 名称已存在'],
  audienceExists: ['ApiResource_AudienceExists', 'Another API has this audience', 'API 受众已存在'],
  scopeExists: ['ApiResource_ScopeExists', 'Another API has this scope', '权限代码已存在'],
  inUse: ['ApiResource_InUse', 'Clients, roles or users have its scopes or permissions', 'API 正在被使用'],
  builtIn: ['ApiResource_BuiltIn', 'The management API is the program’s own', '管理 API 由系统内置'],
});
