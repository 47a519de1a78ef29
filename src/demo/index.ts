export { DEMO_CLIENT_ID, demoClient } from './client.js';
export { demoRoutes } from './routes.js';
