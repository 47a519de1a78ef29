/** One operation that needs a scope of the API `orders`. */
export const EXAMPLE_DOCUMENT = {
  openapi: '3.0.3',
  info: { title: 'Orders', version: '1' },
  components: {
    securitySchemes: {
      gatehouse: {
        type: 'openIdConnect',
        openIdConnectUrl: 'https://id.example.com/.well-known/openid-configuration',
      },
    },
  },
  paths: {
    '/items/{id}': {
      get: {
        operationId: 'readItem',
        security: [{ gatehouse: ['orders.read'] }],
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        responses: { 200: { description: 'The item' } },
      },
    },
  },
};
