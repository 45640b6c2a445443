package instances

// DataRisk says what spans of a type may do, and which data they may hold. A field
// that isn't set is sent as "unknown".
type DataRisk struct {
	ActionProfile        ActionProfile  `json:"action_profile"`
	ParamsDataCategories DataCategories `json:"params_data_categories"` // data in payloads
	ResultDataCategories DataCategories `json:"result_data_categories"` // data in result payloads
}

// ActionProfile says which actions are allowed.
type ActionProfile struct {
	CreateData            Permission `json:"create_data"`
	ReadData              Permission `json:"read_data"`
	UpdateData            Permission `json:"update_data"`
	DestroyData           Permission `json:"destroy_data"`
	FinancialTransactions Permission `json:"financial_transactions"`
	ExternalCommunication Permission `json:"external_communication"`
}

// DataCategories says how sensitive data is, and which kinds of data it
// includes. The GDPR fields are the special categories of the GDPR's article 9.
type DataCategories struct {
	Classification                      Classification `json:"classification"`
	PersonalIdentifiers                 Presence       `json:"personal_identifiers"`
	ContactInformation                  Presence       `json:"contact_information"`
	FinancialInformation                Presence       `json:"financial_information"`
	HealthAndMedical                    Presence       `json:"health_and_medical"`
	CriminalJustice                     Presence       `json:"criminal_justice"`
	AuthenticationAndSecrets            Presence       `json:"authentication_and_secrets"`
	OrganisationalConfidential          Presence       `json:"organisational_confidential"`
	MinorsData                          Presence       `json:"minors_data"`
	LocationAndTracking                 Presence       `json:"location_and_tracking"`
	BehaviouralAndInferred              Presence       `json:"behavioural_and_inferred"`
	GDPRRacialOrEthnicOrigin            Presence       `json:"gdpr_racial_or_ethnic_origin"`
	GDPRPoliticalOpinions               Presence       `json:"gdpr_political_opinions"`
	GDPRReligiousOrPhilosophicalBeliefs Presence       `json:"gdpr_religious_or_philosophical_beliefs"`
	GDPRTradeUnionMembership            Presence       `json:"gdpr_trade_union_membership"`
	GDPRGeneticData                     Presence       `json:"gdpr_genetic_data"`
	GDPRBiometricForIdentification      Presence       `json:"gdpr_biometric_for_identification"`
	GDPRSexLifeOrSexualOrientation      Presence       `json:"gdpr_sex_life_or_sexual_orientation"`
}

// unknown is sent for the zero value of each type below.
const unknown = "unknown"

// Permission says whether an action is allowed. The zero Permission means unknown.
type Permission string

// The permissions that the API documents.
const (
	PermissionUnknown Permission = "unknown"
	Allowed           Permission = "allowed"
	Disallowed        Permission = "disallowed"
)

// Known reports whether the permission is one of this package's constants.
func (p Permission) Known() bool {
	switch p {
	case PermissionUnknown, Allowed, Disallowed:
		return true
	}
	return false
}

// MarshalText returns the permission as it is sent: "unknown" for the zero value.
func (p Permission) MarshalText() ([]byte, error) { return orUnknown(string(p)), nil }

// Presence says whether data includes a category. The zero Presence means unknown.
type Presence string

// The presences that the API documents.
const (
	PresenceUnknown Presence = "unknown"
	Included        Presence = "included"
	Excluded        Presence = "excluded"
)

// Known reports whether the presence is one of this package's constants.
func (p Presence) Known() bool {
	switch p {
	case PresenceUnknown, Included, Excluded:
		return true
	}
	return false
}

// MarshalText returns the presence as it is sent: "unknown" for the zero value.
func (p Presence) MarshalText() ([]byte, error) { return orUnknown(string(p)), nil }

// Classification says how sensitive data is. The zero Classification means unknown.
type Classification string

// The classifications that the API documents, the least sensitive first.
const (
	ClassificationUnknown Classification = "unknown"
	Public                Classification = "public"
	Internal              Classification = "internal"
	Confidential          Classification = "confidential"
	Restricted            Classification = "restricted"
	Secret                Classification = "secret"
)

// Known reports whether the classification is one of this package's constants.
func (c Classification) Known() bool {
	switch c {
	case ClassificationUnknown, Public, Internal, Confidential, Restricted, Secret:
		return true
	}
	return false
}

// MarshalText returns the classification as it is sent: "unknown" for the zero
// value.
func (c Classification) MarshalText() ([]byte, error) { return orUnknown(string(c)), nil }

func orUnknown(value string) []byte {
	if value == "" {
		return []byte(unknown)
	}
	return []byte(value)
}
