import { v7 } from 'uuid';

/** A row's id: a UUIDv7, so that newer rows sort after older ones and land beside them in the index. */
export const newId = (): string => v7();
