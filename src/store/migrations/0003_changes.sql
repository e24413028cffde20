-- What changed of all that a check rests on, so that each process learns which of the things that it keeps in memory to read
-- again. The rows are written by triggers, so that no statement can forget them. What a check does not rest on has none:
-- the grant of a token, whose value nobody can have asked for before, usage, the audit log, a password's hash.
--
-- `change_number` has no gaps. `mark` tells a row from another one of its number, should a file with another past
-- take this one's place. `subject`: the number of the token, identity or profile, the key's id; none where it is `all`.
-- Whoever finds a gap, or very many rows, takes it that all changed, so the old ones are taken away. A writer knows by
-- the greatest number that something changed. So there is a bound far above what a store comes to: SQLite would go on
-- below its own greatest number once that is taken. Should somebody put a row there by hand, whatever changes
-- something is refused until that row is taken away.
CREATE TABLE change (
    change_number INTEGER PRIMARY KEY CHECK (change_number BETWEEN 1 AND 4611686018427387904),
    mark INTEGER NOT NULL DEFAULT (random()),
    scope TEXT NOT NULL CHECK (scope IN ('all', 'token', 'identity', 'profile', 'key')),
    subject ANY
) STRICT;
-- The file beside the store with the counter of changes; none: there is none. `retirement`: one was given up and is
-- perhaps still trusted. The number is another one each time. `store_inode`: that of the store's own file when this was
-- written, by which a copy of it is known.
CREATE TABLE counter_file (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    file_id BLOB CHECK (length(file_id) = 16),
    store_inode INTEGER,
    retirement INTEGER,
    CHECK (file_id IS NULL OR retirement IS NULL)
) STRICT;
INSERT INTO counter_file (only_row) VALUES (1);

CREATE TRIGGER change_trimmed AFTER INSERT ON change WHEN NEW.change_number % 1024 = 0 BEGIN
    DELETE FROM change WHERE change_number <= NEW.change_number - 10240;
END;

-- A token is shown with what it took over from, and with what takes over from it. There is no trigger for a new token,
-- because SQLite would keep a copy of every page that a grant changes, in case the trigger fails: a rotation, which is
-- what gives a token its predecessor, sets that by an update.
CREATE TRIGGER token_changed AFTER UPDATE ON token BEGIN
    INSERT INTO change (scope, subject) VALUES ('token', OLD.sequence);
END;
CREATE TRIGGER token_succession_changed AFTER UPDATE OF predecessor, rotation_stage, id ON token BEGIN
    INSERT INTO change (scope, subject) SELECT 'token', OLD.predecessor WHERE OLD.predecessor IS NOT NULL;
    INSERT INTO change (scope, subject) SELECT 'token', NEW.predecessor WHERE NEW.predecessor IS NOT OLD.predecessor;
END;
CREATE TRIGGER token_removed AFTER DELETE ON token BEGIN
    INSERT INTO change (scope, subject) VALUES ('token', OLD.sequence);
    INSERT INTO change (scope, subject) SELECT 'token', OLD.predecessor WHERE OLD.predecessor IS NOT NULL;
    INSERT INTO change (scope, subject) SELECT 'token', sequence FROM token WHERE predecessor = OLD.sequence;
END;

-- A token's lists go with it, and with what they name: that is said where it goes.
CREATE TRIGGER token_role_changed AFTER UPDATE ON token_role BEGIN
    INSERT INTO change (scope, subject) VALUES ('token', OLD.sequence), ('token', NEW.sequence);
END;
CREATE TRIGGER token_role_removed AFTER DELETE ON token_role
WHEN EXISTS (SELECT 1 FROM token WHERE sequence = OLD.sequence) BEGIN
    INSERT INTO change (scope, subject) VALUES ('token', OLD.sequence);
END;
CREATE TRIGGER token_tag_changed AFTER UPDATE ON token_tag BEGIN
    INSERT INTO change (scope, subject) VALUES ('token', OLD.sequence), ('token', NEW.sequence);
END;
CREATE TRIGGER token_tag_removed AFTER DELETE ON token_tag
WHEN EXISTS (SELECT 1 FROM token WHERE sequence = OLD.sequence) BEGIN
    INSERT INTO change (scope, subject) VALUES ('token', OLD.sequence);
END;
CREATE TRIGGER token_organization_changed AFTER UPDATE ON token_organization BEGIN
    INSERT INTO change (scope, subject) VALUES ('token', OLD.sequence), ('token', NEW.sequence);
END;
CREATE TRIGGER token_organization_removed AFTER DELETE ON token_organization
WHEN EXISTS (SELECT 1 FROM token WHERE sequence = OLD.sequence)
     AND EXISTS (SELECT 1 FROM organization WHERE organization_id = OLD.organization_id) BEGIN
    INSERT INTO change (scope, subject) VALUES ('token', OLD.sequence);
END;

CREATE TRIGGER epoch_added AFTER INSERT ON epoch BEGIN
    INSERT INTO change (scope, subject)
        VALUES (NEW.scope, CASE NEW.scope WHEN 'all' THEN NULL WHEN 'key' THEN NEW.subject
                                          ELSE CAST(NEW.subject AS INTEGER) END);
END;
CREATE TRIGGER epoch_changed AFTER UPDATE ON epoch BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER epoch_removed AFTER DELETE ON epoch BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;

CREATE TRIGGER signing_key_added AFTER INSERT ON signing_key BEGIN
    INSERT INTO change (scope, subject) VALUES ('key', NEW.key_id);
END;
CREATE TRIGGER signing_key_changed AFTER UPDATE ON signing_key BEGIN
    INSERT INTO change (scope, subject) VALUES ('key', OLD.key_id);
END;
CREATE TRIGGER signing_key_removed AFTER DELETE ON signing_key BEGIN
    INSERT INTO change (scope, subject) VALUES ('key', OLD.key_id);
END;

CREATE TRIGGER identity_changed AFTER UPDATE OF name, name_key, removed_at ON identity BEGIN
    INSERT INTO change (scope, subject) VALUES ('identity', OLD.identity_id);
END;
CREATE TRIGGER identity_removed AFTER DELETE ON identity BEGIN
    INSERT INTO change (scope, subject) VALUES ('identity', OLD.identity_id);
END;
CREATE TRIGGER identity_role_added AFTER INSERT ON identity_role BEGIN
    INSERT INTO change (scope, subject) VALUES ('identity', NEW.identity_id);
END;
CREATE TRIGGER identity_role_changed AFTER UPDATE ON identity_role BEGIN
    INSERT INTO change (scope, subject) VALUES ('identity', OLD.identity_id), ('identity', NEW.identity_id);
END;
CREATE TRIGGER identity_role_removed AFTER DELETE ON identity_role BEGIN
    INSERT INTO change (scope, subject) VALUES ('identity', OLD.identity_id);
END;
CREATE TRIGGER organization_member_added AFTER INSERT ON organization_member BEGIN
    INSERT INTO change (scope, subject) VALUES ('identity', NEW.identity_id);
END;
CREATE TRIGGER organization_member_changed AFTER UPDATE ON organization_member BEGIN
    INSERT INTO change (scope, subject) VALUES ('identity', OLD.identity_id), ('identity', NEW.identity_id);
END;
CREATE TRIGGER organization_member_removed AFTER DELETE ON organization_member BEGIN
    INSERT INTO change (scope, subject) VALUES ('identity', OLD.identity_id);
END;

CREATE TRIGGER organization_changed AFTER UPDATE ON organization BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER organization_removed AFTER DELETE ON organization BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER profile_added AFTER INSERT ON profile BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER profile_changed AFTER UPDATE ON profile BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER profile_removed AFTER DELETE ON profile BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER role_added AFTER INSERT ON role BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER role_changed AFTER UPDATE ON role BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER role_removed AFTER DELETE ON role BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER role_inclusion_added AFTER INSERT ON role_inclusion BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER role_inclusion_changed AFTER UPDATE ON role_inclusion BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER role_inclusion_removed AFTER DELETE ON role_inclusion BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER pepper_added AFTER INSERT ON pepper BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER pepper_changed AFTER UPDATE ON pepper BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER pepper_removed AFTER DELETE ON pepper BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
CREATE TRIGGER store_changed AFTER UPDATE ON store BEGIN
    INSERT INTO change (scope) VALUES ('all');
END;
