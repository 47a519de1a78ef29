import {
  areaAt,
  confinedTo,
  containing,
  defineList,
  defineOperation,
  pageOf,
  shapes,
  tagsOf,
  type Actor,
  type AnyOperation,
} from '../../api/index.js';
import { API_RESOURCE_CODES as CODES, findApiResource, lockApiResource } from '../../api-resources/index.js';
import { Conflict, Invalid } from '../../kernel/errors.js';
import { isBlobAddress } from '../../blobs/index.js';
import type { TenantDb } from '../../store/index.js';
import { NEW_PACKAGE, PACKAGE, PACKAGE_CHANGE, PACKAGE_PARAMS, PACKAGES_QUERY } from './schemas.js';
import {
  countPackages,
  deletePackage,
  insertPackage,
  lockPackage,
  PACKAGE_COLUMNS,
  packagesOf,
  replacePackage,
  toPackage,
} from './store.js';
import type { Package, PackageFields } from './types.js';

/** Packages of one API. */
export const MOST_PACKAGES = 1000;

const at = areaAt('apiresource', '/api/ApiResource');

const AUTHORITY = {
  untouched: 'a package says where a program is found, and gives no permission',
  confined: 'the API is the caller’s own',
} as const;

/** What a body says of fields that a package may be without; null is none, and undefined is not said. */
interface Given {
  icon?: string | null | undefined;
  description?: string | null | undefined;
  showIndex?: number | null | undefined;
  tags?: readonly string[] | string | null | undefined;
}

/** @throws Invalid where a browser would load the picture unencrypted from elsewhere */
function checkIcon(icon: string | null | undefined, issuer: string): void {
  if (!icon || URL.parse(icon)?.protocol === 'https:' || isBlobAddress(icon, issuer)) return;
  throw new Invalid('icon', 'must be an https address, or the address of a file of /api/Blob');
}

/** The fields that a body says something of, without those that it says nothing of. */
const givenOf = ({ icon, description, showIndex, tags }: Given): Partial<PackageFields> => ({
  ...(icon !== undefined && { icon }),
  ...(description !== undefined && { description: description === '' ? null : description }),
  ...(showIndex !== undefined && { showIndex: showIndex ?? 0 }),
  ...(tags !== undefined && { tags: tagsOf(tags) }),
});

const NOTHING_GIVEN = { icon: null, description: null, showIndex: 0, tags: [] };

interface PackageCall {
  db: TenantDb;
  actor: Actor | undefined;
  params: { id: string; packageId: string };
}

/** The package of a call; the API is locked as well, so that it is not deleted meanwhile. @throws NotFound */
async function packageOf({ db, actor, params }: PackageCall): Promise<Package> {
  const { id } = await lockApiResource(db, params.id, confinedTo(actor));
  return lockPackage(db, id, params.packageId);
}

const current = {
  answer: PACKAGE,
  read: async (call: PackageCall) => shapes.withTimes(await packageOf(call)),
};

const listOperation = (): AnyOperation =>
  defineList({
    ...at.own('packages', 'GET', '/{id}/Packages'),
    summary: 'List the packages by which an API is called',
    schemas: { params: shapes.params, query: PACKAGES_QUERY, answer: PACKAGE },
    async handle({ db, actor, params, query }) {
      const { id } = await findApiResource(db, params.id, confinedTo(actor));
      const { orderby, 'q.name': part, 'q.packagePlatform': platform, 'q.language': language } = query;
      const rows = containing(packagesOf(db, id), 'name', part);
      if (platform !== undefined) void rows.where({ platform });
      if (language !== undefined) void rows.where({ language });
      const order = orderby === undefined ? { orderby: 'showIndex', asc: true } : {};
      return pageOf(db, rows, { ...query, ...order }, PACKAGE_COLUMNS, (row) =>
        shapes.withTimes(toPackage(row)),
      );
    },
  });

const addOperation = (): AnyOperation =>
  defineOperation({
    ...at.own('postpackages', 'POST', '/{id}/Packages'),
    summary: 'Add a package to an API',
    authority: AUTHORITY,
    conflicts: { name: CODES.packagePostFailed, packages: CODES.packagePostFailed },
    example: {
      name: '@example/orders',
      publisher: 'Example',
      link: 'https://www.npmjs.com/package/@example/orders',
      packagePlatform: 'npm',
      language: 'typescript',
      tags: ['sdk', 'orders'],
    },
    schemas: { params: shapes.params, body: NEW_PACKAGE, answer: PACKAGE },
    async handle({ db, tenant, actor, params, body }) {
      const { icon, description, showIndex, tags, ...fields } = body;
      checkIcon(icon, tenant.issuer);
      const { id } = await lockApiResource(db, params.id, confinedTo(actor));
      if ((await countPackages(db, id, MOST_PACKAGES)) >= MOST_PACKAGES)
        throw new Conflict('packages', `an API may have ${MOST_PACKAGES} packages; delete one`);
      const given = givenOf({ icon, description, showIndex, tags });
      return shapes.withTimes(await insertPackage(db, id, { ...NOTHING_GIVEN, ...fields, ...given }));
    },
  });

const changeOperation = (): AnyOperation =>
  defineOperation({
    ...at.own('deletepackage', 'PUT', '/{id}/Packages/{packageId}'),
    id: 'apiresource.putpackage',
    summary: 'Change a package of an API',
    authority: AUTHORITY,
    conflicts: { name: CODES.packagePutFailed },
    example: { showIndex: 1, tags: 'sdk,orders' },
    schemas: { params: PACKAGE_PARAMS, body: PACKAGE_CHANGE, answer: PACKAGE },
    current,
    target: ({ params }) => params.packageId,
    async handle(call) {
      const { icon, description, showIndex, tags, ...fields } = call.body;
      const before = await packageOf(call);
      if (icon !== before.icon) checkIcon(icon, call.tenant.issuer);
      const given = givenOf({ icon, description, showIndex, tags });
      const after = { ...before, ...fields, ...given };
      return shapes.withTimes(await replacePackage(call.db, call.params.id, after));
    },
  });

const deleteOperation = (): AnyOperation =>
  defineOperation({
    ...at.own('deletepackage', 'DELETE', '/{id}/Packages/{packageId}'),
    summary: 'Delete a package of an API',
    authority: AUTHORITY,
    schemas: { params: PACKAGE_PARAMS, answer: shapes.DELETED },
    current,
    async handle(call) {
      const { id } = await packageOf(call);
      await deletePackage(call.db, call.params.id, id);
      return { id };
    },
  });

/** The operations about packages of APIs. */
export const packageOperations = (): readonly AnyOperation[] => [
  listOperation(),
  addOperation(),
  changeOperation(),
  deleteOperation(),
];
