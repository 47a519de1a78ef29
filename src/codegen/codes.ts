import { defineCodes } from '../api/index.js';

export const CODEGEN_CODES = defineCodes(200001, {
  documentFailed: ['GenerateClient_GetSwaggerFailed', 'The document cannot be read', '获取接口文档失败'],
  npmOptionsMissing: ['NpmOptions_NotConfigured', 'The npm options are not set', '未配置 NPM 选项'],
  githubOptionsMissing: [
    'GithubOptions_NotConfigured',
    'The GitHub options are not set',
    '未配置 GitHub 选项',
  ],
  commonOptionsMissing: ['CommonOptions_NotConfigured', 'The common options are not set', '未配置基本选项'],
  historyFailed: ['History_PostFailed', 'The release is in the history already', '添加发布记录失败'],
  generateFailed: ['Gen_GenerateFailed', 'The code was not generated', '生成代码失败'],
  registryFailed: ['ReleaseSDK_RegistryFailed', 'The registry did not take the package', '包仓库发布失败'],
  gitFailed: ['SyncGithub_GitFailed', 'The repository was not changed', '同步代码仓库失败'],
});
