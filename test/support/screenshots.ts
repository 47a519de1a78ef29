import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/kernel/root.js';
import { newVisitor, stopBrowser } from './browser.js';
import { startServer } from './server.js';
import { prepareTour, tour, TOUR_LIMITS } from './tour.js';

/**
 * Takes every page and some mails in both languages, at a telephone's and at a desk's width, for docs/images/.
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
    const shoot = async (name: string, shown = page): Promise<void> => {
      await shown.screenshot({ path: join(FOLDER, `${name}.${locale}.${width}.png`), fullPage: true });
    };
    await tour(server, page, shoot);
    await server.outbox.deliver();
    const mails = server.screen.of(server.home.tenant.id).filter((shown) => shown.channel === 'mail');
    // A page of its own: ours have a policy that mails are not under.
    const reader = await visitor.newPage();
    for (const [n, { html }] of mails.slice(0, 3).entries()) {
      await reader.setContent(html ?? '');
      await shoot(`mail-${n + 1}`, reader);
    }
    await visitor.close();
    await server.stop();
  }
await stopBrowser();
