import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChildEntry } from '../../kernel/child-entry.js';
import { makeFolder, nodeCommand, Tool, type Limits } from '../process/index.js';

/** How long a tool waits for an order. */
const IDLE_MS = 5 * 60_000;

/**
 * Tools that are started before their order is there, because loading what they need takes as long as their work. Each does one
 * order, so that no document sees what another has left. At most one waits.
 */
export class WarmTool {
  #waiting: Promise<Tool> | undefined;
  #idle: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    readonly entry: ChildEntry,
    readonly limits: Limits,
    readonly libraries: readonly string[],
  ) {}

  /** Starts one, if none waits: an order is about to come. */
  expect(): void {
    if (this.#isClosed || this.#waiting) return;
    const waiting = this.#start();
    this.#waiting = waiting;
    waiting.catch(() => this.#forget(waiting));
    this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref();
  }

  /** One that nobody else gets. Its user removes its folder. */
  async take(): Promise<Tool> {
    const waiting = this.#waiting;
    this.#forget(waiting);
    const tool = await waiting?.catch(() => undefined);
    if (tool && !tool.hasEnded) return tool;
    await tool?.folder.remove();
    return this.#start();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end();
  }

  #forget(waiting: Promise<Tool> | undefined): void {
    if (this.#waiting !== waiting) return;
    this.#waiting = undefined;
    clearTimeout(this.#idle);
  }

  async #end(): Promise<void> {
    const waiting = this.#waiting;
    this.#forget(waiting);
    const tool = await waiting?.catch(() => undefined);
    await tool?.kill();
    await tool?.folder.remove();
  }

  async #start(): Promise<Tool> {
    const folder = await makeFolder();
    // Libraries look for a package above the folder that they run in.
    await writeFile(join(folder.path, 'package.json'), '{}');
    const { limits, libraries } = this;
    const command = nodeCommand(this.entry, { folder, heapMegabytes: limits.heapMegabytes, libraries });
    return new Tool(folder, command, limits);
  }
}
