CREATE TABLE tenants (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL,
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    parent TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    CONSTRAINT tenant_name UNIQUE (parent, name),
    CONSTRAINT tenant_is_itself CHECK (tenant = id)
);
CREATE TABLE tenant_reach (
    ancestor TEXT_ORDERED NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    PRIMARY KEY (ancestor, tenant)
);
CREATE INDEX tenant_reach_tenant ON tenant_reach (tenant);

CREATE TABLE users (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    password TEXT,
    issuer TEXT,
    subject TEXT,
    is_disabled BIGINT NOT NULL,
    CONSTRAINT user_name UNIQUE (name),
    CONSTRAINT user_subject UNIQUE (issuer, subject)
);
CREATE INDEX users_tenant ON users (tenant, id);

CREATE TABLE role_bindings (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    account TEXT_ORDERED NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    CONSTRAINT role_of_user UNIQUE (tenant, account, role)
);
CREATE INDEX role_bindings_user ON role_bindings (account);

CREATE TABLE tokens (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    account TEXT_ORDERED NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hash BYTES NOT NULL,
    role TEXT,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    CONSTRAINT token_hash UNIQUE (hash)
);
CREATE INDEX tokens_tenant ON tokens (tenant, id);
CREATE INDEX tokens_user ON tokens (account);

CREATE TABLE logins (
    name TEXT_ORDERED PRIMARY KEY,
    content TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE claim_codes (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    name TEXT NOT NULL,
    hash BYTES NOT NULL,
    uses_left BIGINT NOT NULL CHECK (uses_left >= 0),
    expires_ms BIGINT NOT NULL,
    labels TEXT NOT NULL,
    revoked_ms BIGINT,
    CONSTRAINT claim_code_hash UNIQUE (hash)
);
CREATE INDEX claim_codes_tenant ON claim_codes (tenant, id);

CREATE TABLE devices (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    serial TEXT,
    state TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    public_key BYTES NOT NULL,
    csr BYTES,
    claim_code TEXT_ORDERED REFERENCES claim_codes (id) ON DELETE SET NULL,
    capabilities BYTES,
    is_held BIGINT NOT NULL,
    hold_until_ms BIGINT,
    hold_reason TEXT,
    windows TEXT NOT NULL,
    override_reason TEXT,
    failures BIGINT NOT NULL
);
CREATE INDEX devices_tenant ON devices (tenant, id);
CREATE UNIQUE INDEX device_name ON devices (tenant, name) WHERE state <> 'retired';
CREATE UNIQUE INDEX device_serial ON devices (tenant, model, serial) WHERE state IN ('pending', 'active');
CREATE UNIQUE INDEX device_fingerprint ON devices (fingerprint) WHERE state IN ('pending', 'active');
CREATE INDEX devices_claim_code ON devices (claim_code) WHERE claim_code IS NOT NULL;

CREATE TABLE device_labels (
    tenant TEXT_ORDERED NOT NULL,
    device TEXT_ORDERED NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    label TEXT_ORDERED NOT NULL,
    value TEXT_ORDERED NOT NULL,
    is_own BIGINT NOT NULL,
    PRIMARY KEY (device, label)
);
CREATE INDEX device_labels_label ON device_labels (label, value, device);

CREATE TABLE device_certs (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    device TEXT_ORDERED NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    serial TEXT NOT NULL,
    not_before_ms BIGINT NOT NULL,
    not_after_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    der BYTES NOT NULL,
    CONSTRAINT certificate_serial UNIQUE (serial)
);
CREATE INDEX device_certs_device ON device_certs (device, id);
CREATE INDEX device_certs_revoked ON device_certs (id) WHERE revoked_ms IS NOT NULL;

CREATE TABLE expected_devices (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    model TEXT,
    serial TEXT NOT NULL,
    name TEXT,
    labels TEXT NOT NULL,
    code_hash BYTES,
    device TEXT_ORDERED REFERENCES devices (id) ON DELETE SET NULL,
    CONSTRAINT expected_device_serial UNIQUE (tenant, serial)
);
CREATE INDEX expected_devices_tenant ON expected_devices (tenant, id);
CREATE INDEX expected_devices_device ON expected_devices (device) WHERE device IS NOT NULL;

CREATE TABLE device_states (
    device TEXT_ORDERED PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    tenant TEXT_ORDERED NOT NULL,
    version BIGINT NOT NULL,
    digest BYTES NOT NULL,
    payload BYTES NOT NULL,
    at_ms BIGINT NOT NULL,
    change_sequence BIGINT NOT NULL
);
CREATE INDEX device_states_change ON device_states (change_sequence);

CREATE TABLE manifests (
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    content BYTES NOT NULL,
    digest BYTES NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (tenant, content)
);

CREATE TABLE device_status (
    device TEXT_ORDERED PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    tenant TEXT_ORDERED NOT NULL,
    sequence BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    adopted BIGINT NOT NULL,
    committed BIGINT NOT NULL,
    phase TEXT NOT NULL,
    health TEXT NOT NULL,
    report BYTES NOT NULL
);

CREATE TABLE last_seen (
    device TEXT_ORDERED PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    tenant TEXT_ORDERED NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE TABLE log_requests (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    device TEXT_ORDERED NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    container TEXT NOT NULL,
    lines BIGINT NOT NULL,
    answered_ms BIGINT,
    answer BYTES,
    CONSTRAINT log_request_number UNIQUE (device, number)
);

CREATE TABLE apps (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    CONSTRAINT app_name UNIQUE (tenant, name)
);
CREATE INDEX apps_tenant ON apps (tenant, id);

CREATE TABLE app_versions (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    app TEXT_ORDERED NOT NULL REFERENCES apps (id),
    version TEXT NOT NULL,
    document TEXT NOT NULL,
    published_ms BIGINT,
    CONSTRAINT app_version UNIQUE (app, version)
);

CREATE TABLE deployments (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    name TEXT NOT NULL,
    app TEXT_ORDERED NOT NULL REFERENCES apps (id),
    selector TEXT NOT NULL,
    priority BIGINT NOT NULL,
    latest BIGINT NOT NULL,
    removing_ms BIGINT,
    CONSTRAINT deployment_name UNIQUE (tenant, name)
);
CREATE INDEX deployments_tenant ON deployments (tenant, id);
CREATE INDEX deployments_app ON deployments (app);

CREATE TABLE deployment_revisions (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    deployment TEXT_ORDERED NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    app_version TEXT_ORDERED NOT NULL REFERENCES app_versions (id),
    document TEXT NOT NULL,
    author TEXT NOT NULL,
    CONSTRAINT deployment_revision UNIQUE (deployment, number)
);
CREATE INDEX deployment_revisions_version ON deployment_revisions (app_version);

CREATE TABLE rollouts (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    deployment TEXT_ORDERED NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    target BIGINT NOT NULL,
    previous BIGINT,
    policy TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    wave BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    memory TEXT NOT NULL,
    next_ms BIGINT,
    begun_ms BIGINT,
    ended_ms BIGINT
);
CREATE INDEX rollouts_tenant ON rollouts (tenant, id);
CREATE INDEX rollouts_deployment ON rollouts (deployment, id);
CREATE INDEX rollouts_next ON rollouts (next_ms) WHERE next_ms IS NOT NULL;

CREATE TABLE assignments (
    device TEXT_ORDERED NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    deployment TEXT_ORDERED NOT NULL REFERENCES deployments (id),
    tenant TEXT_ORDERED NOT NULL,
    revision BIGINT NOT NULL,
    rollout TEXT_ORDERED REFERENCES rollouts (id) ON DELETE SET NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (device, deployment)
);
CREATE INDEX assignments_deployment ON assignments (deployment, device);
CREATE INDEX assignments_rollout ON assignments (rollout) WHERE rollout IS NOT NULL;

CREATE TABLE rollout_devices (
    rollout TEXT_ORDERED NOT NULL REFERENCES rollouts (id) ON DELETE CASCADE,
    device TEXT_ORDERED NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    tenant TEXT_ORDERED NOT NULL,
    wave BIGINT,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    state_version BIGINT,
    attempt TEXT,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (rollout, device)
);
CREATE INDEX rollout_devices_device ON rollout_devices (device);

CREATE TABLE approvals (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    subject TEXT_ORDERED NOT NULL,
    step BIGINT NOT NULL,
    account TEXT_ORDERED NOT NULL REFERENCES users (id),
    is_given BIGINT NOT NULL,
    reason TEXT,
    CONSTRAINT approval_of_user UNIQUE (subject, step, account)
);
CREATE INDEX approvals_user ON approvals (account);

CREATE TABLE secrets (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    name TEXT NOT NULL,
    latest BIGINT NOT NULL,
    CONSTRAINT secret_name UNIQUE (tenant, name)
);

CREATE TABLE secret_revisions (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    secret TEXT_ORDERED NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    ciphertext BYTES NOT NULL,
    CONSTRAINT secret_revision UNIQUE (secret, number)
);

CREATE TABLE seals (
    device TEXT_ORDERED NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    secret TEXT_ORDERED NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    tenant TEXT_ORDERED NOT NULL,
    number BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    sealed BYTES NOT NULL,
    PRIMARY KEY (device, secret)
);
CREATE INDEX seals_secret ON seals (secret);

CREATE TABLE audit (
    tenant TEXT_ORDERED NOT NULL,
    sequence BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT,
    detail TEXT NOT NULL,
    previous BYTES NOT NULL,
    hash BYTES NOT NULL,
    PRIMARY KEY (tenant, sequence)
);
CREATE TABLE audit_heads (
    tenant TEXT_ORDERED PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash BYTES NOT NULL
);

CREATE TABLE webhooks (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    secret BYTES NOT NULL,
    is_disabled BIGINT NOT NULL,
    failing_since_ms BIGINT,
    CONSTRAINT webhook_name UNIQUE (tenant, name)
);

CREATE TABLE webhook_deliveries (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    webhook TEXT_ORDERED NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    next_ms BIGINT,
    attempts BIGINT NOT NULL,
    done_ms BIGINT,
    failure TEXT
);
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook, id);

CREATE TABLE keys (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    public BYTES NOT NULL,
    ciphertext BYTES,
    not_after_ms BIGINT
);
CREATE INDEX keys_tenant ON keys (tenant, purpose);

CREATE TABLE settings (
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name TEXT_ORDERED NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE events (
    id TEXT_ORDERED PRIMARY KEY,
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id),
    edition BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    device TEXT_ORDERED REFERENCES devices (id) ON DELETE CASCADE,
    subject TEXT,
    detail TEXT NOT NULL
);
CREATE INDEX events_tenant ON events (tenant, id);
CREATE INDEX events_device ON events (device, id) WHERE device IS NOT NULL;

CREATE TABLE leases (
    name TEXT_ORDERED PRIMARY KEY,
    owner TEXT NOT NULL,
    until_ms BIGINT NOT NULL,
    fence BIGINT NOT NULL
);

CREATE TABLE change_clock (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    sequence BIGINT NOT NULL,
    pruned BIGINT NOT NULL
);
INSERT INTO change_clock (id, sequence, pruned) VALUES (1, 0, 0);
CREATE TABLE changes (
    sequence BIGINT NOT NULL,
    topic TEXT NOT NULL,
    tenant TEXT,
    subject TEXT
);
CREATE INDEX changes_sequence ON changes (sequence);
