-- Who enrols is looked up by what it says of itself, among all devices: the unique indices leave out those that are retired,
-- and a statement with values in its places cannot tell that it needs no others.
CREATE INDEX devices_by_fingerprint ON devices (fingerprint, id);
CREATE INDEX devices_by_serial ON devices (tenant, model, serial);
CREATE INDEX devices_by_name ON devices (tenant, name);
CREATE INDEX expected_devices_by_serial ON expected_devices (serial) WHERE device IS NULL;
