import { existsSync } from 'node:fs';
import type { Context } from 'mocha';
import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const executablePath = process.env['CHROMIUM'] ?? PATHS.find((path) => existsSync(path));
let browser: Promise<Browser> | undefined;

/** Skips the test, saying what to install, where there is no browser. */
export function needsBrowser(test: Context): void {
  if (executablePath !== undefined) return;
  console.log(
    `      skipped "${test.test?.fullTitle() ?? ''}": install Chromium (apt-get install chromium), or set CHROMIUM to one`,
  );
  test.skip();
}

/** Each process of the tests loads this module, and few start a browser: the library is loaded for these. */
async function launch(path: string): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  return chromium.launch({ executablePath: path, args: FLAGS, headless: true });
}

/** A browser profile of its own, empty. */
export async function newVisitor(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  if (executablePath === undefined) throw new Error('there is no browser; call needsBrowser first');
  browser ??= launch(executablePath);
  return (await browser).newContext({ locale: 'en-US', ...options });
}

export async function stopBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}
