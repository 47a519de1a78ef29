import type { CallTenant, FieldProblem } from '../../api/index.js';
import type { ReservedAudiences } from '../../api-resources/index.js';
import type { TenantDb } from '../../store/index.js';
import type { LocateParts } from '../documents/index.js';
import type {
  Announcement,
  CompiledDocument,
  DocumentType,
  LiveApi,
  Policy,
  PrepareDocument,
  Quota,
  RateLimit,
} from '../types.js';

/** What the management operations need of the other modules of the gateway. */
export interface CatalogueBase {
  prepare: PrepareDocument;
  /** Where parts of a prepared document stand in its text. */
  locate: LocateParts;
  /** Around fetching and preparing: a tenant may do so with some documents at a time. @throws Busy */
  inPlace<T>(tenantId: string, work: () => Promise<T>): Promise<T>;
  /** The text at an address that a caller has named. @throws DocumentRefused with the field `swaggerUrl` */
  fetchDocument(address: string, tenant: CallTenant): Promise<string>;
  /** What is wrong with a policy for a document; the fields begin with `policy`. */
  checkPolicy(policy: unknown, document: CompiledDocument): FieldProblem[];
  /** The JSON Schema of policies. */
  policySchema: object;
  /** Whether the gateway may send requests to this backend: the problem where it may not. Names are not looked up. */
  checkServiceUrl(url: URL, tenant: CallTenant): FieldProblem | undefined;
  /** The same for the address of another issuer's keys, which is `https:` unless the operator opens the way. */
  checkKeysUrl(url: URL, tenant: CallTenant): FieldProblem | undefined;
  /** Queues the mails to the API's subscribers, in the transaction of the event. */
  announce(db: TenantDb, announcement: Announcement): Promise<boolean>;
  /** Called after a committed change, before it is answered: the next call to this node must see it. */
  changed(): Promise<void>;
  /** Audiences that not every API may have. */
  reserved: ReservedAudiences;
}

export type VersionScheme = LiveApi['scheme'];

interface Times {
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}

/** The versions of one API, and where they are reached. */
export interface VersionSet extends Times {
  apiResourceId: string;
  suffix: string;
  scheme: VersionScheme;
  /** What the last Publish sent, as PublishConfiguration answers it. */
  lastPublish: Record<string, unknown>;
}

export interface Version extends Times {
  id: string;
  apiResourceId: string;
  /** '' for the first version. */
  name: string;
  displayName: string;
  description: string | null;
  /** `self`, `none`, or the id of an authorization server. */
  authServerId: string;
  scope: string | null;
  passToken: boolean;
  currentRevisionId: string;
  lastRevision: number;
}

export interface Revision extends Times {
  id: string;
  versionId: string;
  number: number;
  online: boolean;
  /** Whether it is current, or has been. */
  wasCurrent: boolean;
  description: string | null;
  serviceUrl: string;
  documentId: string;
  documentType: DocumentType;
  operationCount: number;
  policy: Policy | null;
  author: string;
}

export interface Release extends Times {
  id: string;
  apiResourceId: string;
  versionId: string;
  revisionId: string;
  notes: string;
}

export interface Product extends Times {
  id: string;
  name: string;
  description: string | null;
  state: 'published' | 'notPublished';
  subscriptionRequired: boolean;
  /** With all defaults. */
  rateLimit: Required<RateLimit> | null;
  quota: Required<Quota> | null;
}

/** A pair of keys by which callers subscribe to a product. The keys themselves are kept nowhere. */
export interface ProductKey extends Times {
  id: string;
  productId: string;
  name: string;
  clientId: string | null;
  state: 'active' | 'suspended';
  /** Epoch milliseconds. */
  expiresAt: number | null;
  hints: { primary: string; secondary: string };
}

/** Another issuer whose tokens an API takes. */
export interface AuthServer extends Times {
  id: string;
  name: string;
  issuer: string;
  audience: string;
  jwksUri: string;
  authorizationEndpoint: string | null;
  tokenEndpoint: string | null;
  defaultScope: string | null;
}
