import { defineCodes } from '../api/index.js';

export const CLIENT_CODES = defineCodes(400001, {
  clientIdExists: ['Client_ClientIdExists', 'Another client has this client id', '客户端标识已存在'],
});
