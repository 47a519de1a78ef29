import { Command } from 'commander';
import type { Config } from '../config.js';
import type { Store } from '../store/index.js';
import type { Run } from './io.js';
import { EXIT, print, table } from './output.js';

interface Finding {
  check: string;
  ok: boolean;
  detail: string;
}

const CLOCK_SLACK_MS = 5000;
const OWN_ID =
  'the server uses this id itself, so the client gets nothing; create it with another id and delete this one';
const RESERVED_ID =
  'this id is an audience that the server reserves, so no API can have it; create the client with another id and delete this one';
/** What is found with more users than these is counted. */
const MOST_TOLD = 20;

/** The configuration with every secret's value hidden. */
function withoutSecrets(config: Config, secretKeys: readonly string[]): Record<string, unknown> {
  const copy = structuredClone(config) as unknown as Record<string, Record<string, unknown>>;
  for (const path of secretKeys) {
    const [parent, child] = path.split('/') as [string, string | undefined];
    const holder: Record<string, unknown> | undefined = child === undefined ? copy : copy[parent];
    const key = child ?? parent;
    if (holder?.[key] !== undefined) holder[key] = '(hidden)';
  }
  return copy;
}

async function findings(config: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  const check = async (name: string, work: () => Promise<string>): Promise<boolean> => {
    try {
      found.push({ check: name, ok: true, detail: await work() });
      return true;
    } catch (error) {
      found.push({ check: name, ok: false, detail: (error as Error).message });
      return false;
    }
  };
  const { openStore, openVault, schemaStatus } = await import('../store/index.js');
  let store: Store | undefined;
  const reachable = await check('store', async () => {
    store = await openStore(config, undefined, false);
    return `${store.dialect} answers`;
  });
  if (!reachable || !store) return found;
  const open = store;
  try {
    const migrated = await check('schema', async () => {
      const { current, latest } = await schemaStatus(open);
      if (current === latest) return `at ${current}, the newest`;
      throw new Error(
        current < latest
          ? `at ${current} of ${latest}; run: npx gatehouse migrate`
          : `at ${current}, newer than this program's ${latest}`,
      );
    });
    if (!migrated) return found;
    await check('master key', async () => `key ${(await openVault(config, open)).master.id} opens the store`);
    await check('keys', async () => {
      const { findHomeTenant } = await import('../tenants/store.js');
      const home = await findHomeTenant(open.knex);
      if (!home) throw new Error('there is no home tenant yet; run: npx gatehouse serve');
      const { listKeys } = await import('../oidc/keys/rotation.js');
      const keys = await listKeys(open, home.id);
      const current = keys.filter(({ state }) => state === 'current').map(({ alg }) => alg);
      if (current.length === 0)
        throw new Error('the home tenant has no signing keys; run: npx gatehouse keys rotate');
      const others = (['next', 'previous'] as const).map(
        (wanted) => `${keys.filter(({ state }) => state === wanted).length} ${wanted}`,
      );
      return `${current.join(' and ')} current, ${others.join(', ')}`;
    });
    await check('audiences', async () => {
      const { questionableAudiences } = await import('../api-resources/audiences.js');
      const questionable = await questionableAudiences(open.knex, config.mqtt.audience);
      if (questionable.length === 0) return 'each of one API, and of nothing else';
      throw new Error(
        questionable
          .map(
            ({ tenant, api, audience, problem }) =>
              `API "${api}" of tenant "${tenant}" has the audience "${audience}": ${problem}`,
          )
          .join('; '),
      );
    });
    await check('API names', async () => {
      const { likeNames } = await import('../api-resources/authority.js');
      const like = await likeNames(open.knex);
      if (like.length === 0) return 'none differs only by case from a developer’s';
      const told = like.map(
        ({ tenant, developers, other }) =>
          `"${developers}" of tenant "${tenant}" has an owner, and differs from "${other}" only by case`,
      );
      throw new Error(
        `${told.join('; ')}; make it again under another name, and see who has permissions that begin with it`,
      );
    });
    await check('client ids', async () => {
      const { clientsWithAudiences, clientsWithBuiltInIds } = await import('../clients/store.js');
      const told = (clients: { tenant: string; clientId: string }[], problem: string): string[] =>
        clients.length === 0
          ? []
          : [`${clients.map(({ tenant, clientId }) => `"${clientId}" of ${tenant}`).join(', ')}: ${problem}`];
      const problems = [
        ...told(await clientsWithBuiltInIds(open.knex), OWN_ID),
        ...told(await clientsWithAudiences(open.knex, config.mqtt.audience), RESERVED_ID),
      ];
      if (problems.length > 0) throw new Error(problems.join('; '));
      return 'none is one of the server’s own applications, or a reserved audience';
    });
    await check('user names', async () => {
      const { clashingNames } = await import('../users/carried-names.js');
      const clashing = await clashingNames(open.knex);
      if (clashing.length === 0) return 'none is another user’s key or a client’s id';
      const told = clashing
        .slice(0, MOST_TOLD)
        .map(({ tenant, userName, problem }) => `user "${userName}" of tenant "${tenant}": ${problem}`);
      const more = clashing.length - told.length;
      throw new Error(
        `${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}; devices do not sign in under it: PUT another userName`,
      );
    });
    await check('clock', async () => {
      if (open.dialect === 'sqlite') return 'the same as the store: it is this machine';
      const { rows } = await open.knex.raw<{ rows: { now: string }[] }>(
        'SELECT extract(epoch from clock_timestamp()) * 1000 AS now',
      );
      const apart = Math.abs(Date.now() - Number(rows[0]?.now));
      if (apart > CLOCK_SLACK_MS)
        throw new Error(`${Math.round(apart / 1000)} s apart from the database; set it by NTP`);
      return `${Math.round(apart)} ms apart from the database`;
    });
  } finally {
    await open.close();
  }
  return found;
}

export function doctorCommand(run: Run): Command {
  return new Command('doctor')
    .description(
      'Look at the configuration, the store, the schema, the keys and the clock, and say what is wrong. Ends with 1 if something is.',
    )
    .option('--json', 'answer in JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { loadConfig, SECRET_KEYS } = await import('../config.js');
      const config = loadConfig(run.env, run.cwd);
      const checks = await findings(config);
      const shown = withoutSecrets(config, SECRET_KEYS);
      print(run, json, { config: shown, checks }, [
        'Configuration',
        ...table(
          Object.entries(shown).map(([key, value]) => [
            '  ' + key,
            typeof value === 'string' ? value : JSON.stringify(value),
          ]),
        ),
        'Checks',
        ...table(checks.map(({ check, ok, detail }) => [ok ? '  ok' : '  WRONG', check, detail])),
      ]);
      if (checks.some(({ ok }) => !ok)) run.exitCode = EXIT.failed;
    });
}
