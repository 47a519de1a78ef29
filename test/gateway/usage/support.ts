import { insertApiResource, newApiResource } from '../../../src/api-resources/index.js';
import { newId } from '../../../src/kernel/ids.js';
import type { TenantDb } from '../../../src/store/index.js';

/** An API that is published: answers the id of its first version, which is the API's. */
export async function insertVersion(
  db: TenantDb,
  name: string,
  owner: string | null = null,
): Promise<string> {
  const id = await insertApiResource(db, { ...newApiResource(name, []), owner });
  await db.insert('api_versions', {
    id,
    api_resource_id: id,
    name: '',
    display_name: name,
    auth_server_id: 'self',
    pass_token: false,
    current_revision_id: newId(),
    last_revision: 1,
    created_at: 1,
    updated_at: 1,
  });
  return id;
}
