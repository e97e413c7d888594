// Three places for oidc-provider to keep its models: PostgreSQL, SQLite, and a map that a restart empties.
//
// Each gives a class for the provider's `adapter` option. Statements are prepared once; consuming is one conditional
// update, so that a code or a refresh token has one winner whatever runs at the same time.

const TABLE = `
  CREATE TABLE IF NOT EXISTS models (
    kind text NOT NULL, id text NOT NULL, payload KIND NOT NULL, grant_id text, uid text, expires_at bigint,
    consumed_at bigint, PRIMARY KEY (kind, id));
  CREATE INDEX IF NOT EXISTS models_grant ON models (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX IF NOT EXISTS models_uid ON models (uid) WHERE uid IS NOT NULL;`;

const seconds = () => Math.floor(Date.now() / 1000);
const uidOf = (kind, payload) => (kind === 'Session' ? payload.uid : null);

export async function postgres(address) {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: address, max: 10 });
  await pool.query(TABLE.replace('KIND', 'jsonb'));
  const run = (name, text, values) => pool.query({ name, text, values });
  const found = ({ rows: [row] }) =>
    row && { ...row.payload, ...(row.consumed_at && { consumed: Number(row.consumed_at) }) };

  return class {
    constructor(kind) { this.kind = kind; }

    async upsert(id, payload, expiresIn) {
      await run('upsert',
        `INSERT INTO models (kind, id, payload, grant_id, uid, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (kind, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
           uid = excluded.uid, expires_at = excluded.expires_at`,
        [this.kind, id, JSON.stringify(payload), payload.grantId ?? null, uidOf(this.kind, payload),
          expiresIn ? seconds() + expiresIn : null]);
    }

    async find(id) {
      return found(await run('find', 'SELECT payload, consumed_at FROM models WHERE kind = $1 AND id = $2',
        [this.kind, id]));
    }

    async findByUid(uid) {
      return found(await run('uid', 'SELECT payload, consumed_at FROM models WHERE uid = $1', [uid]));
    }

    async findByUserCode() { return undefined; }

    async consume(id) {
      const { rowCount } = await run('consume',
        'UPDATE models SET consumed_at = $3 WHERE kind = $1 AND id = $2 AND consumed_at IS NULL',
        [this.kind, id, seconds()]);
      if (rowCount !== 1) throw new Error('consumed meanwhile');
    }

    async destroy(id) { await run('destroy', 'DELETE FROM models WHERE kind = $1 AND id = $2', [this.kind, id]); }

    async revokeByGrantId(grantId) { await run('revoke', 'DELETE FROM models WHERE grant_id = $1', [grantId]); }
  };
}

export async function sqlite(path) {
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec(TABLE.replace('KIND', 'text'));
  const upsert = database.prepare(
    `INSERT INTO models (kind, id, payload, grant_id, uid, expires_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (kind, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
       uid = excluded.uid, expires_at = excluded.expires_at`);
  const find = database.prepare('SELECT payload, consumed_at FROM models WHERE kind = ? AND id = ?');
  const byUid = database.prepare('SELECT payload, consumed_at FROM models WHERE uid = ?');
  const consume = database.prepare(
    'UPDATE models SET consumed_at = ? WHERE kind = ? AND id = ? AND consumed_at IS NULL');
  const destroy = database.prepare('DELETE FROM models WHERE kind = ? AND id = ?');
  const revoke = database.prepare('DELETE FROM models WHERE grant_id = ?');
  const found = (row) => row && { ...JSON.parse(row.payload), ...(row.consumed_at && { consumed: row.consumed_at }) };

  const adapter = class {
    constructor(kind) { this.kind = kind; }

    async upsert(id, payload, expiresIn) {
      upsert.run(this.kind, id, JSON.stringify(payload), payload.grantId ?? null, uidOf(this.kind, payload),
        expiresIn ? seconds() + expiresIn : null);
    }

    async find(id) { return found(find.get(this.kind, id)); }

    async findByUid(uid) { return found(byUid.get(uid)); }

    async findByUserCode() { return undefined; }

    async consume(id) {
      if (consume.run(seconds(), this.kind, id).changes !== 1) throw new Error('consumed meanwhile');
    }

    async destroy(id) { destroy.run(this.kind, id); }

    async revokeByGrantId(grantId) { revoke.run(grantId); }
  };
  adapter.together = async (work) => {
    database.exec('BEGIN');
    try { return await work(); } finally { database.exec('COMMIT'); }
  };
  return adapter;
}

export async function memory() {
  const models = new Map();
  const uids = new Map();
  const grants = new Map();

  return class {
    constructor(kind) { this.kind = kind; }

    async upsert(id, payload) {
      const key = `${this.kind}:${id}`;
      models.set(key, payload);
      if (uidOf(this.kind, payload)) uids.set(payload.uid, key);
      if (payload.grantId) {
        if (!grants.has(payload.grantId)) grants.set(payload.grantId, new Set());
        grants.get(payload.grantId).add(key);
      }
    }

    async find(id) { return models.get(`${this.kind}:${id}`); }

    async findByUid(uid) { return models.get(uids.get(uid)); }

    async findByUserCode() { return undefined; }

    async consume(id) { models.get(`${this.kind}:${id}`).consumed = seconds(); }

    async destroy(id) { models.delete(`${this.kind}:${id}`); }

    async revokeByGrantId(grantId) {
      for (const key of grants.get(grantId) ?? []) models.delete(key);
      grants.delete(grantId);
    }
  };
}
