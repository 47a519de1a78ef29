import { JSONParser } from '@streamparser/json';

/** What a text of JSON was: one thing, or a list whose entries were told one by one. */
export type JsonText = { one: unknown } | { list: true };

/** What is no JSON in UTF-8, or ends before its end. */
export class NotJson extends Error {
  override name = 'NotJson';
}

export interface JsonReader {
  /** Whether what has come so far begins a list; undefined before anything has. */
  readonly isList: boolean | undefined;
  /** @throws NotJson, and what `each` throws */
  write(chunk: Uint8Array): void;
  /** @throws NotJson */
  end(): JsonText;
}

/** Reads JSON piece by piece. A list is never held whole: `each` is told each of its entries. */
export function openJsonReader(each: (entry: unknown) => void): JsonReader {
  let isList: boolean | undefined;
  let one: unknown;
  let ended = false;
  let failed: { error: unknown } | undefined;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const parser = new JSONParser({ paths: ['$', '$.*'], keepStack: false });
  parser.onValue = ({ value, key, parent, stack }) => {
    if (stack.length === 0) {
      ended = true;
      if (isList === false) one = value;
      return;
    }
    if (!isList || typeof key !== 'number') return;
    try {
      each(value);
    } catch (error) {
      failed = { error };
      throw error;
    }
    (parent as unknown[])[key] = undefined; // told; the list is not to hold it
  };
  const reading = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw failed ? failed.error : new NotJson((error as Error).message.slice(0, 100));
    }
  };
  return {
    get isList() {
      return isList;
    },
    write(chunk) {
      reading(() => {
        const text = decoder.decode(chunk, { stream: true });
        isList ??= text.trim() === '' ? undefined : text.trimStart().startsWith('[');
        parser.write(text);
      });
    },
    end() {
      reading(() => decoder.decode());
      if (!ended) throw new NotJson('it ends in the middle');
      return isList ? { list: true } : { one };
    },
  };
}
