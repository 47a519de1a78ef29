import { soon, type Soon } from '../../kernel/soon.js';
import type { LiveCatalogue, LiveKey } from '../catalogue/index.js';
import { valuesOf, type Call } from '../plane/index.js';
import type { Problem } from '../plane/problem.js';
import type { LiveProduct, StepResult } from '../types.js';

/** As in Azure API Management. The data plane passes neither on. */
export const PRODUCT_KEY_HEADER = 'ocp-apim-subscription-key';
export const PRODUCT_KEY_PARAMETER = 'subscription-key';

const LONGEST_KEY = 200;

const refused = (word: 'product-key' | 'product', detail: string): Problem => ({
  word,
  detail,
  ...(word === 'product-key' && { headers: { 'WWW-Authenticate': 'SubscriptionKey' } }),
});

const NO_KEY = refused(
  'product-key',
  'This API needs a product key. Send it in the header Ocp-Apim-Subscription-Key.',
);
const TWO_KEYS = refused('product-key', 'Send one product key, in the header or in the query.');
const UNKNOWN_KEY = refused('product-key', 'This product key is not valid. Check it, or make a new one.');
const SUSPENDED = refused('product', 'This product key is suspended. Ask the team that gave it to you.');
const EXPIRED = refused(
  'product',
  'This product key has expired. Ask the team that gave it to you for another.',
);
const OTHER_API = refused('product', 'This product key is for a product without this API.');

/** The keys that a call has, in its header and its query; the same key in both is one. */
function keysIn({ request, query }: Pick<Call, 'request' | 'query'>): string[] {
  const header = request.headers[PRODUCT_KEY_HEADER];
  const inQuery = query === undefined ? [] : valuesOf(query, PRODUCT_KEY_PARAMETER);
  return [...new Set([header ?? [], inQuery].flat())];
}

/** The product that a key opens the API by, or why it does not. */
function productOf(
  key: LiveKey | undefined,
  products: readonly LiveProduct[],
  time: number,
): LiveProduct | Problem {
  if (!key) return UNKNOWN_KEY;
  if (key.state !== 'active') return SUSPENDED;
  if (key.expiresAt !== undefined && key.expiresAt <= time) return EXPIRED;
  return products.find(({ id }) => id === key.productId) ?? OTHER_API;
}

/**
 * Step 8: the product key. It is asked where the API is in a published product that needs a subscription, and in none that does
 * not. A key that comes without being asked for counts its calls where it holds, and refuses none where it does not.
 */
export function productKeyStep(
  catalogue: Pick<LiveCatalogue, 'productKey'>,
  now: () => number,
): (call: Call) => Soon<StepResult> {
  return (call) => {
    const { products } = call.version;
    if (products.length === 0) return undefined;
    const isAsked = products.every(({ subscriptionRequired }) => subscriptionRequired);
    const [text, ...others] = keysIn(call);
    if (text === undefined) return isAsked ? NO_KEY : undefined;
    if (others.length > 0) return isAsked ? TWO_KEYS : undefined;
    if (text.length > LONGEST_KEY) return isAsked ? UNKNOWN_KEY : undefined;
    return soon(catalogue.productKey(call.tenant, text), (key) => {
      const product = productOf(key, products, now());
      if ('word' in product) return isAsked ? product : undefined;
      const { id, clientId } = key as LiveKey;
      call.key = { id, product, ...(clientId !== undefined && { clientId }) };
      return undefined;
    });
  };
}
