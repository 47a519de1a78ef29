/**
 * Epoch milliseconds that never step back or jump: the time at which this process started, and what has passed since.
 * For durations that must be right when the system's clock is set while the process runs.
 */
export const steadyNow = (): number => performance.timeOrigin + performance.now();
