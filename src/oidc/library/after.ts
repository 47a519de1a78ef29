import { letAllWarn } from './before.js';

letAllWarn();
