import { defineCodes } from '../api/index.js';

export const ROLE_CODES = defineCodes(500001, {
  nameExists: ['Role_NameExists', 'Another role has this name', '角色名称已存在'],
  inUse: ['Role_InUse', 'Users have this role', '角色正在使用'],
  builtIn: ['Role_BuiltIn', 'The role is built in', '系统内置角色'],
});
