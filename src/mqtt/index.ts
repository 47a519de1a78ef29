export { findApp, insertApp, listApps, readRights, replaceAppSecret, setAppEnabled } from './apps.js';
export { mqttApi, type MqttBase } from './routes.js';
export { RIGHTS, type MqttApp, type Right } from './schema.js';
