import { defineCodes } from '../api/index.js';

export const BLOB_CODES = defineCodes(800001, {
  missing: ['Blob_Missing', 'There is no file in the part "value"', '缺少文件（value）'],
  typeNotAllowed: ['Blob_TypeNotAllowed', 'Files of this kind are not taken here', '不支持的文件类型'],
  tooLarge: ['Blob_TooLarge', 'The file is too large', '文件过大'],
  folderName: ['Blob_FolderName', 'The folder’s name is not one', '文件夹名称无效'],
  notBase64: ['Blob_NotBase64', 'The value is not base64', '不是有效的 Base64'],
  broken: ['Blob_Broken', 'The upload ended before its end, or is not multipart', '上传不完整或格式错误'],
});
