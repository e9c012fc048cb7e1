package sqlite

// limitsSchema gives 0 in a limit one meaning: none is allowed. Until now it meant no limit for machines and moves, which is -1 from here
// on. A policy or license of a time before these members had no limit. Members that were empty get the
// default that they had.
const limitsSchema = `
UPDATE versions SET policy = json_set(policy, '$.max_machines', -1) WHERE coalesce(json_extract(policy, '$.max_machines'), 0) = 0;
UPDATE versions SET policy = json_set(policy, '$.move_limit', -1) WHERE coalesce(json_extract(policy, '$.move_limit'), 0) = 0;
UPDATE versions SET policy = json_set(policy, '$.fingerprint_action', 'report')
	WHERE coalesce(json_extract(policy, '$.fingerprint_action'), '') = '';
UPDATE versions SET policy = json_set(policy, '$.clone_action', 'refuse') WHERE coalesce(json_extract(policy, '$.clone_action'), '') = '';
UPDATE versions SET policy = json_set(policy, '$.clone_limit', 2) WHERE coalesce(json_extract(policy, '$.clone_limit'), 0) = 0;
UPDATE licenses SET overrides = json_set(overrides, '$.max_machines', -1) WHERE json_extract(overrides, '$.max_machines') = 0;
UPDATE licenses SET overrides = json_set(overrides, '$.move_limit', -1) WHERE json_extract(overrides, '$.move_limit') = 0;
`
