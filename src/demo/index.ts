export { demoRoutes } from './routes.js';
