export { changeApp, findApp, insertApp, listApps, readRights, replaceAppSecret } from './apps.js';
export { countCredentials, credentialPieces, insertCredentials, type KeptDevice } from './credentials.js';
export { openMqtt, type Mqtt, type MqttBase } from './mqtt.js';
export { openPasswordSignIns } from './password-sign-ins.js';
export { MQTT_API } from './openapi.js';
export { devicePasswords } from './passwords.js';
export { KINDS, RIGHTS, type Kind, type MqttApp, type Right } from './schema.js';
export { FORMATS, readDevices, writeDevices, type Format } from './transfer.js';
