package access

import "github.com/onelicense/onelicense/server/licensing"

// Records without a table of their own are entries, whose bodies are JSON.

func (s *Service) totpSecrets() licensing.Entries[totpRecord] {
	return licensing.EntriesOf[totpRecord](s.store, totpKind)
}

func (s *Service) tokens() licensing.Entries[tokenRecord] {
	return licensing.EntriesOf[tokenRecord](s.store, tokenKind)
}

func (s *Service) settings() licensing.Entries[Settings] {
	return licensing.EntriesOf[Settings](s.store, settingsKind)
}

func (s *Service) ownerChanges() licensing.Entries[ownerChange] {
	return licensing.EntriesOf[ownerChange](s.store, ownersKind)
}

func (s *Service) links(kind string) licensing.Entries[oneTimeToken] {
	return licensing.EntriesOf[oneTimeToken](s.store, kind)
}

func (s *Service) counters() licensing.Entries[counter] {
	return licensing.EntriesOf[counter](s.store, failureKind)
}

func (s *Service) oidcStates() licensing.Entries[oidcState] {
	return licensing.EntriesOf[oidcState](s.store, oidcStateKind)
}
