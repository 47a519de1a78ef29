export type Family = 'image' | 'video' | 'document';

/** What files may be, and how they go out again. */
export interface Kind {
  family: Family;
  /** Of the file's name. */
  ext: string;
  /** The media type that it is served with. */
  type: string;
  /** Whether a browser may show it in place. Whatever could carry a script is only ever saved. */
  inline: boolean;
}

/** The most bytes of each family: images below 10 MiB, videos below 20 MB, documents below 10 MB. */
export const LARGEST: Record<Family, number> = {
  image: 10 * 1024 * 1024 - 1,
  video: 20_000_000 - 1,
  document: 10_000_000 - 1,
};

const kind = (family: Family, ext: string, type: string, inline = false): Kind => ({
  family,
  ext,
  type,
  inline,
});

const WORD = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const EXCEL = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';

const JPEG = kind('image', 'jpg', 'image/jpeg', true);
const PNG = kind('image', 'png', 'image/png', true);
const QUICKTIME = kind('video', 'mov', 'video/quicktime');
const MP4 = kind('video', 'mp4', 'video/mp4', true);

/** By what the sniffing library calls it. */
export const KINDS: Readonly<Record<string, Kind>> = {
  jpg: JPEG,
  png: PNG,
  apng: PNG,
  avi: kind('video', 'avi', 'video/x-msvideo'),
  mov: QUICKTIME,
  asf: kind('video', 'asf', 'video/x-ms-asf'),
  wmv: kind('video', 'wmv', 'video/x-ms-wmv'),
  flv: kind('video', 'flv', 'video/x-flv'),
  mkv: kind('video', 'mkv', 'video/x-matroska'),
  mp4: MP4,
  m4v: MP4,
  webm: kind('video', 'webm', 'video/webm', true),
  swf: kind('video', 'swf', 'application/x-shockwave-flash'),
  mpg: kind('video', 'mpg', 'video/mpeg'),
  mts: kind('video', 'ts', 'video/mp2t'),
  pdf: kind('document', 'pdf', 'application/pdf'),
  docx: kind('document', 'docx', WORD),
  xlsx: kind('document', 'xlsx', EXCEL),
};

export const OLD_WORD = kind('document', 'doc', 'application/msword');
export const OLD_EXCEL = kind('document', 'xls', 'application/vnd.ms-excel');

const BY_EXT = new Map([...Object.values(KINDS), OLD_WORD, OLD_EXCEL].map((each) => [each.ext, each]));

/** The kind of a file that is kept, by its name. */
export const kindOfName = (name: string): Kind | undefined => BY_EXT.get(name.split('.').at(-1) ?? '');
