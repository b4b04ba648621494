CREATE TABLE condemned (
    tenant TEXT_ORDERED NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    digest BYTES NOT NULL,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, digest)
);
CREATE TABLE sentences (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
);
INSERT INTO sentences (id, number) VALUES (1, 0);
CREATE TABLE holders (
    device TEXT_ORDERED PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    tenant TEXT_ORDERED NOT NULL,
    actor TEXT NOT NULL
);
