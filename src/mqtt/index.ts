export { changeApp, findApp, insertApp, listApps, readRights, replaceAppSecret } from './apps.js';
export { countCredentials, credentialPieces, insertCredentials, type KeptDevice } from './credentials.js';
export { keptNames } from './kept-names.js';
export { openMqtt, type Mqtt, type MqttBase } from './mqtt.js';
export { openPasswordSignIns } from './password-sign-ins.js';
export { MQTT_API } from './openapi.js';
export { devicePasswords } from './passwords.js';
export { FORMATS, KINDS, RIGHTS, type Format, type Kind, type MqttApp, type Right } from './schema.js';
export { readDevices, writeDevices } from './transfer.js';
