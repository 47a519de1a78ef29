export { changeApp, findApp, insertApp, listApps, readRights, replaceAppSecret } from './apps.js';
export { openMqtt, type Mqtt, type MqttBase } from './mqtt.js';
export { RIGHTS, type MqttApp, type Right } from './schema.js';
