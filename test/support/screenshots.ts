import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/kernel/root.js';
import { newVisitor, stopBrowser } from './browser.js';
import { startServer } from './server.js';
import { prepareTour, tour, TOUR_LIMITS } from './tour.js';

/**
 * Takes every page in both languages, at a telephone's and at a desk's width, for docs/images/.
 * Needs Chromium, and a font with Chinese (Debian: fonts-noto-cjk).
 */
const FOLDER = join(packageRoot, 'docs', 'images');
mkdirSync(FOLDER, { recursive: true });
for (const locale of ['en', 'zh-CN'])
  for (const width of [360, 1280]) {
    const server = await startServer('sqlite', {}, TOUR_LIMITS);
    await prepareTour(server);
    const visitor = await newVisitor({ locale, viewport: { width, height: width === 360 ? 720 : 800 } });
    const page = await visitor.newPage();
    await tour(server, page, async (name) => {
      await page.screenshot({ path: join(FOLDER, `${name}.${locale}.${width}.png`), fullPage: true });
    });
    await visitor.close();
    await server.stop();
  }
await stopBrowser();
