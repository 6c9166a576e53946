"""What months, weekdays and halves of a day are called in many languages, as patterns.

Hides which abbreviations mean one month in every language: lis is
November in Polish and in Czech, cer may be June or July.
"""

import re
from collections.abc import Iterable

from polar_detect.tables.cells.names import folded_letters

# Months are said in two cases by Slavic languages, and shortened their own way by some. Croatian
# and Finnish are not among them: lip and mar are other months there than elsewhere.
_MONTHS = """
january february march april may june july august september october november december
januar/jänner februar/feber märz/mrz april mai juni juli august september oktober november
dezember
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
enero febrero marzo abril mayo junio julio agosto septiembre/setiembre octubre noviembre
diciembre
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
januari februari maart/mrt april mei juni juli augustus september oktober november december
januari februari mars april maj juni juli augusti september oktober november desember
januar februar marts april maj juni juli august september oktober november december
január február marec/marca apríl/apríla máj/mája jún/júna júl/júla august september október
november december
styczeń/stycznia luty/lutego marzec/marca kwiecień/kwietnia maj/maja czerwiec/czerwca
lipiec/lipca sierpień/sierpnia wrzesień/września październik/października listopad/listopada
grudzień/grudnia
leden/ledna únor/února březen/března duben/dubna květen/května červen/června/čvn
červenec/července/čvc srpen/srpna září říjen/října listopad/listopadu prosinec/prosince
január február március április május június július augusztus szeptember október november
december
ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie
decembrie
ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
januari februari maret april mei juni juli agustus september oktober november desember
январь/января февраль/февраля март/марта апрель/апреля май/мая июнь/июня июль/июля
август/августа сентябрь/сентября октябрь/октября ноябрь/ноября декабрь/декабря
січень/січня лютий/лютого березень/березня квітень/квітня травень/травня червень/червня
липень/липня серпень/серпня вересень/вересня жовтень/жовтня листопад/листопада грудень/грудня
януари февруари март април май юни юли август септември октомври ноември декември
ιανουάριος/ιανουαρίου φεβρουάριος/φεβρουαρίου μάρτιος/μαρτίου απρίλιος/απριλίου μάιος/μαΐου
ιούνιος/ιουνίου ιούλιος/ιουλίου αύγουστος/αυγούστου σεπτέμβριος/σεπτεμβρίου οκτώβριος/οκτωβρίου
νοέμβριος/νοεμβρίου δεκέμβριος/δεκεμβρίου
มกราคม/ม.ค. กุมภาพันธ์/ก.พ. มีนาคม/มี.ค. เมษายน/เม.ย. พฤษภาคม/พ.ค. มิถุนายน/มิ.ย. กรกฎาคม/ก.ค.
สิงหาคม/ส.ค. กันยายน/ก.ย. ตุลาคม/ต.ค. พฤศจิกายน/พ.ย. ธันวาคม/ธ.ค.
"""
_WEEKDAYS = """
monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so
lundi mardi mercredi jeudi vendredi samedi dimanche lun mar mer jeu ven sam dim
lunedì martedì mercoledì giovedì venerdì sabato domenica gio sab dom
lunes martes miércoles jueves viernes sábado domingo mié jue vie
segunda terça quarta quinta sexta segunda-feira terça-feira quarta-feira quinta-feira sexta-feira
seg ter qua qui sex
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag ma wo vr za zo
måndag mandag tisdag tirsdag onsdag torsdag fredag lördag lørdag söndag søndag
poniedziałek wtorek środa czwartek piątek sobota niedziela pon wt śr czw pt sob niedz nd
pondělí úterý středa čtvrtek pátek neděle po út st čt pá ne
pazartesi salı çarşamba perşembe cuma cumartesi pazar pzt sal çar per cum cmt paz
понедельник вторник среда четверг пятница суббота воскресенье пн вт ср чт пт сб вс
понеділок вівторок середа п'ятниця субота неділя
จันทร์ อังคาร พุธ พฤหัสบดี ศุกร์ เสาร์ อาทิตย์
"""
# In Chinese, Korean, Turkish and Vietnamese, where SA is the morning and Saturday elsewhere.
_OF_MORNING = "午前 上午 凌晨 早上 오전 am a.m. a.m öö"
_OF_AFTERNOON = "午後 下午 中午 晚上 오후 pm p.m. p.m ös ch"
_OF_CLOCKS = "uhr h hod. godz. kl. klo ч. น. น sa"  # and what else stands beside one
_MIN_LETTERS, _MAX_LETTERS = 3, 5  # of an abbreviation


def _names_of_months() -> dict[str, int]:
    """Return which month each name and each clear abbreviation means, 1 to 12."""
    said = [
        (name, i % 12 + 1)
        for i, variants in enumerate(folded_letters(_MONTHS).split())
        for name in variants.split("/")
    ]
    short: dict[str, set[int]] = {}
    for name, i in said:
        if name.isalpha():
            for n in range(_MIN_LETTERS, min(len(name), _MAX_LETTERS + 1)):
                short.setdefault(name[:n], set()).add(i)
    clear = {name: next(iter(own)) for name, own in short.items() if len(own) == 1}
    return clear | dict(said)


def _any_of(names: Iterable[str]) -> str:
    """Return a pattern of any of these, the longest first."""
    return "|".join(map(re.escape, sorted({*names}, key=lambda own: (-len(own), own))))


MONTHS = _names_of_months()
ANY_MONTH = _any_of(MONTHS)
ANY_FULL_MONTH = _any_of(own for own in re.split(r"[\s/]+", folded_letters(_MONTHS)) if own)
ANY_WEEKDAY = _any_of(folded_letters(_WEEKDAYS).split())
ANY_MORNING, ANY_AFTERNOON = (
    _any_of(folded_letters(own).split()) for own in (_OF_MORNING, _OF_AFTERNOON)
)
ANY_CLOCK_WORD = _any_of(folded_letters(f"{_OF_MORNING} {_OF_AFTERNOON} {_OF_CLOCKS}").split())
