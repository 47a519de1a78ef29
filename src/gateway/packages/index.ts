/**
 * The market of packages: by which packages (npm, NuGet, …) programs call an API, with where they are found.
 *
 * `Package` (`types.ts`) is what the list shows. Releases of generated packages add theirs by `putPackage`.
 *
 * Never: a link or an icon that is no address of the web, or two packages of one name, platform and language.
 */
export { putPackage } from './store.js';
