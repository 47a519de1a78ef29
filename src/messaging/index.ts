export { openScreen, type Screen } from './drivers/screen.js';
export {
  MESSAGE,
  messageDelivery,
  openMessenger,
  queueText,
  reachOf,
  type Messenger,
  type SendingTenant,
} from './messenger.js';
export type { Message, PathOfIssuer, ShownMessage } from './schema.js';
export { MESSAGING_SEALED_COLUMNS } from './settings.js';
