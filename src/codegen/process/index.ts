/**
 * Runs the tools of code generation: each in a process group and a folder of its own, with limits of time, memory and output, and
 * an emptied environment. `Tool` runs one, `readOutput` takes what it has written, and `WarmTool` starts one of our own ahead of its
 * order. It must never leave a process or a folder behind, and never show a path of this machine.
 */
export { librariesOf, nodeCommand, type Command } from './command.js';
export { ToolFailed } from './failed.js';
export { makeFolder, removeLeftovers, type RunFolder } from './folder.js';
export { JOB_MILLISECONDS, LIMITS, type Limits } from './limits.js';
export { FileCollector, readOutput } from './output.js';
export { pathProblem, shownPath } from './paths.js';
export { Tool } from './run.js';
export { WarmTool } from './warm-tool.js';
