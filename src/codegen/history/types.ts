/** A release of an SDK of an API. */
export interface HistoryEntry extends HistoryFields {
  id: string;
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}

export interface HistoryFields {
  /** What the package is called in its registry. */
  sdkName: string;
  /** The generator, as the release named it. */
  language: string;
  version: string;
  /** Where its document came from, kept without its query; null where it is the API's current revision, or not known. */
  swaggerUrl: string | null;
  tags: string[];
  /** Epoch milliseconds. */
  releaseDate: number;
}
