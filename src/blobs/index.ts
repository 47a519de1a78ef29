export {
  blobPath,
  isBlobAddress,
  releaseBlob,
  releaseBlobsOf,
  releaseTenant,
  settleBlob,
  type Blob,
  type Blobs,
} from './blobs.js';
export type { BlobServices } from './operations.js';
export type { Uploads } from './uploads.js';
