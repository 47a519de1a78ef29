import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { StoreUnavailable } from '../../kernel/errors.js';
import type { BlobDriver } from './driver.js';

export interface S3Settings {
  bucket: string;
  region: string;
  /** Of a store that is not Amazon's. */
  endpoint?: string | undefined;
  /** Whether the bucket stands in the path instead of the host, as many other stores want it. */
  pathStyle?: boolean | undefined;
  /** Both, or neither: then they come from where the AWS SDK looks for them (environment, instance). */
  accessKeyId?: string | undefined;
  secretAccessKey?: string | undefined;
}

/**
 * An error of the bucket: down, throttled, gone, or closed to this account. What is sent to it does not depend on callers, so
 * that it never refuses what was asked.
 */
const unavailable = (error: unknown): StoreUnavailable =>
  new StoreUnavailable(`the bucket of files does not serve (${(error as Error).name})`, error);

/** Files in a bucket of Amazon S3, or of anything that speaks its protocol. */
export function s3Driver({ bucket, ...settings }: S3Settings): BlobDriver {
  const { accessKeyId, secretAccessKey, endpoint, region, pathStyle = false } = settings;
  const client = new S3Client({
    region,
    forcePathStyle: pathStyle,
    // Other stores do not know the newer checksums; the SDK's own default would send them.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint !== undefined && { endpoint }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
  });
  const at = (Key: string) => ({ Bucket: bucket, Key });

  /** All keys under a prefix, a thousand at a time. */
  async function* pages(prefix: string): AsyncIterable<string[]> {
    let token: string | undefined;
    do {
      const { Contents = [], NextContinuationToken } = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
      );
      yield Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
      token = NextContinuationToken;
    } while (token !== undefined);
  }

  return {
    async put(key, { path, size }, type) {
      const Body = createReadStream(path);
      const command = new PutObjectCommand({ ...at(key), Body, ContentLength: size, ContentType: type });
      await client.send(command).catch((error: unknown) => {
        Body.destroy();
        throw unavailable(error);
      });
      await rm(path, { force: true });
    },
    async open(key, range) {
      try {
        const { Body } = await client.send(
          new GetObjectCommand({ ...at(key), ...(range && { Range: `bytes=${range.start}-${range.end}` }) }),
        );
        return Body as Readable;
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw unavailable(error);
      }
    },
    remove: async (key) => void (await client.send(new DeleteObjectCommand(at(key)))),
    async removeTenant(tenantId) {
      for await (const keys of pages(`${tenantId}/`))
        if (keys.length > 0)
          await client.send(
            new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }),
          );
    },
  };
}
