import { defineCodes } from '../api/index.js';

export const IDENTITY_RESOURCE_CODES = defineCodes(700001, {
  nameExists: ['IdentityResource_NameExists', 'Another scope has this name', '标识名称已存在'],
  inUse: ['IdentityResource_InUse', 'Clients may ask for this scope', '标识正在使用'],
  required: ['IdentityResource_Required', 'OpenID Connect needs this scope', 'OpenID Connect 需要该标识'],
});
