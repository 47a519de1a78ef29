import type { Code, FieldProblem } from '../../api/index.js';
import type { TenantDb } from '../../store/index.js';
import { below } from '../policies/fields.js';
import type { CompiledDocument, Policy, PolicySteps } from '../types.js';
import { compiledDocument } from './documents.js';
import { refusal } from './problems.js';
import type { Revision, Version } from './types.js';

/** Settings that are good one by one, and with which calls could never succeed, or something would never be checked. */

type Access = Pick<Version, 'authServerId' | 'scope'>;

/** The steps of a policy with the fields that they are in: those of all operations, and of each that it names. */
export function stepsOf(policy: Policy | null): [field: string, steps: PolicySteps][] {
  const named = Object.entries(policy?.operations ?? {}).map(([name, steps]): [string, PolicySteps] => [
    below('policy/operations', name),
    steps,
  ]);
  return [...(policy ? [['policy', policy] as [string, PolicySteps]] : []), ...named];
}

/** No token is checked: nothing can be asked of one. */
function withoutTokens({ scope }: Access, policy: Policy | null): FieldProblem[] {
  const rule = 'authorizationServerId';
  const remedy = 'take it out, or publish with an authorizationServerId other than "none"';
  const ofScope =
    scope === null
      ? []
      : [{ field: 'scope', rule, message: `is never checked where no token is asked for; ${remedy}` }];
  const ofPolicy = stepsOf(policy).flatMap(([field, { requireScopes }]) =>
    requireScopes
      ? [
          {
            field: `${field}/requireScopes`,
            rule,
            message: `lets nobody call where no token is asked for; ${remedy}`,
          },
        ]
      : [],
  );
  return [...ofScope, ...ofPolicy];
}

/** Tokens of another issuer name no user of this tenant, so nobody who comes with one has a permission. */
function withOtherIssuer(policy: Policy | null, { operations }: CompiledDocument): FieldProblem[] {
  const rule = 'permission';
  const ofPolicy = stepsOf(policy).flatMap(([field, { requireScopes }]) =>
    requireScopes?.permissions?.length
      ? [
          {
            field: `${field}/requireScopes/permissions`,
            rule,
            message:
              'lets nobody call with a token of another authorization server: only users of this tenant have permissions; ask for scopes instead',
          },
        ]
      : [],
  );
  const asking = operations.find(({ open, permissions }) => !open && permissions.length > 0);
  if (!asking) return ofPolicy;
  return [
    ...ofPolicy,
    {
      field: 'authorizationServerId',
      rule,
      message: `lets nobody call ${asking.key}: the document asks for the permission "${asking.permissions[0]}", which only users of this tenant have; take its x-permission out, or publish with "self"`,
    },
  ];
}

/** @throws Failure: 422 */
export async function checkCombination(
  access: Access,
  policy: Policy | null,
  document: () => Promise<CompiledDocument>,
  code?: Code,
): Promise<void> {
  const { authServerId } = access;
  if (authServerId === 'self') return;
  const problems =
    authServerId === 'none' ? withoutTokens(access, policy) : withOtherIssuer(policy, await document());
  if (problems.length > 0) throw refusal(problems, code);
}

/** The same for a revision that is stored. @throws Failure: 422 */
export const checkStoredCombination = (db: TenantDb, version: Access, revision: Revision): Promise<void> =>
  checkCombination(version, revision.policy, () => compiledDocument(db, revision.documentId));
