import { defineCodes } from '../api/index.js';

export const TENANT_CODES = defineCodes(600001, {
  nameExists: ['Tenant_NameExists', 'Another tenant has this name', '租户名称已存在'],
  hostExists: ['Tenant_HostExists', 'Another tenant has this host', '租户域名已存在'],
  home: ['Tenant_Home', 'The home tenant can not be disabled or deleted', '主租户不能禁用或删除'],
});
