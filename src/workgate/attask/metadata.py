"""Which fields each object type has, as the contract's Appendix A lists them.

A field's name is followed by ``!`` where it is read-only and ``~`` where the server computes it. ``PROJ`` and
``USER`` are here; the catalogue grows by adding types to the table.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class FieldType(StrEnum):
    """The types of fields (contract §3.2)."""

    STRING = "string"
    STRINGS = "string[]"
    BOOLEAN = "boolean"
    INT = "int"
    DOUBLE = "double"
    DATE = "date"
    DATE_TIME = "dateTime"


@dataclass(frozen=True, slots=True)
class ObjectType:
    """A type of object: its code, names, fields, references and what an answer shows by default."""

    code: str
    name: str
    url_names: frozenset[str]
    fields: MappingProxyType[str, FieldType]
    references: MappingProxyType[str, str]
    default_fields: tuple[str, ...]


def _fields(table: dict[FieldType, str]) -> MappingProxyType[str, FieldType]:
    return MappingProxyType({name.rstrip("!~+"): kind for kind, names in table.items() for name in names.split()})


def _references(text: str) -> MappingProxyType[str, str]:
    return MappingProxyType(dict(pair.split(":") for pair in text.split()))


PROJ = ObjectType(
    code="PROJ",
    name="Project",
    url_names=frozenset({"proj", "project"}),
    fields=_fields(
        {
            FieldType.STRING: """
                ID URL actualDurationExpression!~ actualWorkRequiredExpression!~ alignmentScoreCardID
                approvalProcessID approversString!~ autoBaselineRecurrenceType businessCaseStatusLabel!~
                categoryID companyID completionType condition conditionType convertedOpTaskName
                convertedOpTaskOriginatorID currency currentApprovalStepID customerID
                deliverableScoreCardID description durationExpression!~ eacCalculationMethod enteredByID
                extRefID groupID lastConditionNoteID lastNoteID lastUpdatedByID levelingMode
                milestonePathID name ownerID performanceIndexMethod popAccountID portfolioID
                previousStatus programID progressStatus queueDefID rejectionIssueID resourcePoolID
                scheduleID scheduleMode sponsorID status statusUpdate submittedByID summaryCompletionType
                teamID templateID updateType workRequiredExpression!~
            """,
            FieldType.STRINGS: """
                BCCompletionState accessorIDs!~ auditTypes ownerPrivileges pendingUpdateMethods!
            """,
            FieldType.BOOLEAN: """
                enableAutoBaselines filterHourTypes hasBudgetConflict hasCalcError
                hasCompletionConstraint!~ hasDocuments hasExpenses hasMessages hasNotes hasRateOverride
                hasResolvables hasStartConstraint!~ hasTimedNotifications hasTimelineException!
                isOriginalPlannedHoursSet isProjectDead!~ isStatusComplete!+ personal
                selectedOnPortfolioOptimizer showCondition!~ showStatus!~
            """,
            FieldType.INT: """
                actualDurationMinutes actualWorkRequired autoBaselineRecurOn budgetStatus displayOrder
                durationMinutes numberOpenOpTasks optimizationScore originalWorkRequired
                plannedDateAlignment!~ plannedHoursAlignment!~ portfolioPriority priority referenceNumber
                risk totalOpTaskCount! totalTaskCount! version workRequired
            """,
            FieldType.DOUBLE: """
                actualBenefit actualCost! actualExpenseCost actualHoursLastMonth!~
                actualHoursLastThreeMonths!~ actualHoursThisMonth!~ actualHoursTwoMonthsAgo!~
                actualLaborCost actualRevenue actualRiskCost actualValue alignment allApprovedHours!~
                allUnapprovedHours!~ approvalPlannedStartDay!~ bcwp! bcws! billedRevenue budget
                budgetedCost budgetedHours budgetedLaborCost completedHours!~ cpi csi
                deliverableSuccessScore deliverableSuccessScoreRatio!~ eac fixedCost fixedRevenue
                percentComplete plannedBenefit plannedCost plannedExpenseCost plannedLaborCost
                plannedRevenue plannedRiskCost plannedValue projectBudgetedCost!~ projectNetValue!~
                projectRoi!~ remainingCost remainingRevenue remainingRiskCost resourcePlannerBudgetedHours
                resourcePlannerBudgetedLaborCost riskPerformanceIndex roi!~ spi totalHours!~ work
            """,
            FieldType.DATE: """
                budgetedCompletionDate budgetedStartDate
            """,
            FieldType.DATE_TIME: """
                actualCompletionDate actualStartDate approvalCompletionDate approvalEstStartDate!~
                approvalPlannedStartDate!~ approvalProjectedStartDate!~ approvalStartDate
                convertedOpTaskEntryDate entryDate estCompletionDate estStartDate financeLastUpdateDate
                fixedEndDate fixedStartDate lastCalcDate lastUpdateDate nextAutoBaselineDate
                pendingCalculation! plannedCompletionDate plannedStartDate projectedCompletionDate
                projectedStartDate syncBurndownDate
            """,
        }
    ),
    references=_references(
        """
        alignmentScoreCard:SCORE approvalProcess:ARVPRC category:CTGY company:CMPY
        convertedOpTaskOriginator:USER currentApprovalStep:ARVSTP customer:CUST defaultBaseline:BLIN
        deliverableScoreCard:SCORE enteredBy:USER exchangeRate:EXRATE group:GROUP initiative:INITIV
        issueDef:ISSDEF lastConditionNote:NOTE lastNote:NOTE lastUpdatedBy:USER milestonePath:MPATH
        owner:USER portfolio:PORT program:PRGM project:PROJ queueDef:QUED rejectionIssue:OPTASK
        resourcePool:RSPOOL schedule:SCHED sponsor:USER submittedBy:USER taskDef:TSKDEF team:TEAMOB
        template:TMPL
        """
    ),
    default_fields=(
        "percentComplete",
        "plannedCompletionDate",
        "plannedStartDate",
        "priority",
        "projectedCompletionDate",
        "status",
    ),
)

USER = ObjectType(
    code="USER",
    name="User",
    url_names=frozenset({"user"}),
    fields=_fields(
        {
            FieldType.STRING: """
                ID accessLevelID address address2 alignAccessType!~ avatarDownloadURL~ categoryID city
                companyID country customerID defaultHourTypeID delegationToID emailAddr enteredByID
                extRefID firstName homeGroupID homeTeamID lastEnteredNoteID lastName lastNoteID
                lastUpdatedByID latestUpdateNoteID layoutTemplateID licenseType locale managerID
                mobilePhoneNumber myInfo name persona phoneExtension phoneNumber portalProfileID
                postalCode resourcePoolID roleID scheduleID ssoUsername state statusUpdate timeZone
                timesheetProfileID title uiTemplateID username
            """,
            FieldType.STRINGS: """
                webDAVProfile
            """,
            FieldType.BOOLEAN: """
                hasAPIAccess hasDocuments hasNotes hasPassword!~ hasProofLicense hasReservedTimes isActive
                isAdmin!~ isBoxAuthenticated!~ isDropBoxAuthenticated!~ isGoogleAuthenticated!~
                isSharePointAuthenticated!~ isWebDAMAuthenticated!~ logTimeInDays ssoAccessOnly
            """,
            FieldType.INT: """
                avatarSize avatarX avatarY defaultInterface loginCount
            """,
            FieldType.DOUBLE: """
                billingPerHour costPerHour fte workHoursPerDay workTime
            """,
            FieldType.DATE_TIME: """
                actualDeactivationDate apiKeyCreateDate avatarDate entryDate lastLoginDate lastUpdateDate
                passwordDate registrationExpireDate resetPasswordExpireDate scheduledDeactivationDate
            """,
        }
    ),
    references=_references(
        """
        accessLevel:ACSLVL category:CTGY company:CMPY customer:CUST defaultHourType:HOURT
        delegationTo:USRDEL effectiveLayoutTemplate:LYTMPL enteredBy:USER highPriorityWorkItem:WRKITM
        homeGroup:GROUP homeTeam:TEAMOB lastEnteredNote:NOTE lastNote:NOTE lastStatusNote:NOTE
        lastUpdatedBy:USER latestUpdateNote:NOTE layoutTemplate:LYTMPL manager:USER resourcePool:RSPOOL
        role:ROLE schedule:SCHED uiTemplate:UITMPL userApproval:USRAPV
        """
    ),
    default_fields=(),
)

OBJECT_TYPES = (PROJ, USER)
_BY_NAME = {name: kind for kind in OBJECT_TYPES for name in kind.url_names}


def object_type(name: str) -> ObjectType | None:
    """Find a type by its code or name in an address, in any case."""
    return _BY_NAME.get(name.lower())
