import { soon, type Soon } from '../../kernel/soon.js';
import type { Tenant } from '../../tenants/index.js';
import type { Problem } from '../plane/problem.js';
import { valuesOf } from '../plane/query.js';
import type { LiveProduct, PresentedKey } from '../types.js';
import { badProduct, badProductKey } from './challenges.js';
import type { LiveKey } from '../catalogue/index.js';
import type { AccessCall } from './types.js';

const PRODUCT_KEY_HEADER = 'ocp-apim-subscription-key';
const PRODUCT_KEY_QUERY = 'subscription-key';

/** Keys of the catalogue have 43 characters; no longer text is looked up. */
const LONGEST_KEY = 128;

const ABSENT = `Send the key of a product that the API is in, in the header Ocp-Apim-Subscription-Key or the query parameter ${PRODUCT_KEY_QUERY}.`;
const UNKNOWN = 'There is no such product key.';
const SEVERAL = 'Two different product keys came; send one.';
const SUSPENDED = 'The product key is suspended.';
const EXPIRED = 'The product key has expired.';
const OTHER_CLIENT =
  'The product key is of another application; call with the key of the application that the access token was issued to.';
const OTHER_API = 'The product key is of a product that the API is not in.';

export type FindKey = (tenant: Tenant, key: string) => Soon<LiveKey | undefined>;

/** Whether a call needs a key: where the API is in a product that asks for one, and in none that does not. */
const isAsked = (products: readonly LiveProduct[]): boolean =>
  products.length > 0 && products.every(({ subscriptionRequired }) => subscriptionRequired);

/** The keys that came, each once. */
function keysOf({ request, query }: AccessCall): Set<string> {
  const header = request.headers[PRODUCT_KEY_HEADER];
  const all = [header ?? [], valuesOf(query, PRODUCT_KEY_QUERY)].flat();
  return new Set(all.filter((key) => key !== ''));
}

/** The tenant's client that calls. Another issuer can give its clients the same ids. */
const ownClient = ({ caller, version }: AccessCall): string | undefined =>
  version.authServer === 'self' ? caller?.clientId : undefined;

/** The pair that a key belongs to, where it opens the API now. */
function opened(call: AccessCall, stored: LiveKey | undefined): Problem | { key: PresentedKey } {
  if (!stored) return badProductKey(UNKNOWN);
  const product = call.version.products.find(({ id }) => id === stored.productId);
  if (!product) return badProduct(OTHER_API);
  if (stored.state !== 'active') return badProduct(SUSPENDED);
  if (stored.expiresAt !== undefined && stored.expiresAt <= Date.now()) return badProduct(EXPIRED);
  const { id, clientId } = stored;
  if (clientId !== undefined && clientId !== ownClient(call)) return badProduct(OTHER_CLIENT);
  return { key: { id, product, ...(clientId !== undefined && { clientId }) } };
}

/**
 * Reads the product key of a call.
 * @returns nothing where none is needed and none that opens the API came: then a key is no reason to refuse a call.
 */
export function checkProductKey(
  call: AccessCall,
  find: FindKey,
): Soon<Problem | { key: PresentedKey } | undefined> {
  const { products } = call.version;
  if (products.length === 0) return undefined;
  const asked = isAsked(products);
  const [key, ...others] = keysOf(call);
  if (key === undefined || others.length > 0)
    return asked ? badProductKey(key === undefined ? ABSENT : SEVERAL) : undefined;
  if (key.length > LONGEST_KEY) return asked ? badProductKey(UNKNOWN) : undefined;
  return soon(find(call.tenant, key), (stored) => {
    const found = opened(call, stored);
    return asked || 'key' in found ? found : undefined;
  });
}
