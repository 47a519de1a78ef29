import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChildEntry } from '../../kernel/child-entry.js';
import type { Files, Following } from '../types.js';
import { nodeCommand } from './command.js';
import { ToolFailed } from './failed.js';
import { makeFolder } from './folder.js';
import type { Limits } from './limits.js';
import { readOutput } from './output.js';
import { Tool } from './run.js';

/** How long a tool waits for an order. */
const IDLE_MS = 5 * 60_000;

export interface WarmToolOptions {
  /** What messages call it. */
  name?: string;
  limits: Limits;
  /** Folders of libraries that it may read. */
  libraries: readonly string[];
  /** The file among its output in which it names the part of the document that it fails at, as a JSON pointer. */
  culprit?: string;
}

const LONGEST_CULPRIT = 4096;

/**
 * One of our own entries, started before its order is there, because loading what it needs takes as long as its work. A process does
 * one order, so that no document sees what another has left. At most one waits.
 */
export class WarmTool {
  #waiting: Promise<Tool> | undefined;
  #idle: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    readonly entry: ChildEntry,
    readonly options: WarmToolOptions,
  ) {}

  /** Starts one, if none waits: an order is about to come. */
  expect(): void {
    if (this.#isClosed || this.#waiting) return;
    const waiting = this.#start();
    this.#waiting = waiting;
    waiting.catch(() => this.#forget(waiting));
    this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref();
  }

  /**
   * Does an order.
   * @param files are written into its folder first.
   * @returns what it has written
   * @throws ToolFailed, and the signal's reason where it is aborted
   */
  async run(order: unknown, files: Files = new Map(), following: Following = {}): Promise<Files> {
    const tool = await this.#take();
    try {
      for (const [name, text] of files) await writeFile(join(tool.folder.path, name), text);
      await tool.run(order, following).catch(async (error: unknown) => {
        throw error instanceof ToolFailed ? await this.#withCulprit(error, tool) : error;
      });
      return await readOutput(tool.folder.output, tool.limits);
    } finally {
      await remove(tool);
    }
  }

  /** Ends the one that waits. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end();
  }

  async #withCulprit(failed: ToolFailed, { folder, limits }: Tool): Promise<ToolFailed> {
    const { culprit } = this.options;
    if (culprit === undefined) return failed;
    const most = { ...limits, outputBytes: LONGEST_CULPRIT };
    const files = await readOutput(folder.output, most, (path) => path === culprit).catch(() => undefined);
    return new ToolFailed(failed.message, failed.lastLines, files?.get(culprit));
  }

  async #take(): Promise<Tool> {
    const waiting = this.#waiting;
    this.#forget(waiting);
    const tool = await waiting?.catch(() => undefined);
    if (tool && !tool.hasEnded) return tool;
    await tool?.folder.remove();
    return this.#start();
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
    if (tool) await remove(tool);
  }

  async #start(): Promise<Tool> {
    const folder = await makeFolder();
    // Libraries look for a package above the folder that they run in.
    await writeFile(join(folder.path, 'package.json'), '{}');
    const { limits, libraries, name } = this.options;
    const command = nodeCommand(this.entry, { folder, heapMegabytes: limits.heapMegabytes, libraries });
    return new Tool(folder, { ...command, ...(name !== undefined && { name }) }, limits);
  }
}

async function remove(tool: Tool): Promise<void> {
  await tool.kill();
  await tool.folder.remove();
}
