-- Who enrols is looked up by what it says of itself, among all devices: the unique indices leave out those that are retired,
-- and a statement with values in its places cannot tell that it needs no others. Lists are in the order of ids: an index that
-- does not end with them loses to the one of the tenant, that is to all of its devices.
CREATE INDEX devices_by_fingerprint ON devices (fingerprint, id);
CREATE INDEX devices_by_serial ON devices (tenant, model, serial, id);
CREATE INDEX devices_by_name ON devices (tenant, name, id);
CREATE INDEX expected_devices_by_serial ON expected_devices (serial, id) WHERE device IS NULL;
