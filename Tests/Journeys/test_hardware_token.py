"""A key fob from the organisation's drawer: added by its number, then it signs in."""

from oath import AuthenticatorApp
from stories import PASSWORDS, SIGN_IN_ALLOWS, change_policy, row, sign_in, sign_in_ben

KEY = "MFRGGZDFMZTWQ2LKNNWG23TPOBZHI6LB"
INVENTORY = f"""upn,serial number,secret key,time interval,manufacturer,model
,OT-000 17,{KEY},30,Vane & Sons,Fob 1
"""


def test_a_fob_is_added_signs_in_and_goes_back_into_the_drawer(server, new_person):
    change_policy(server, (SIGN_IN_ALLOWS, "allow: [appCode, hardwareCode, text]\n"))
    file = server.folder / "tokens.csv"
    file.write_text(INVENTORY)
    assert "Added 1 token" in server.cli("token", "import", str(file)).text
    fob = AuthenticatorApp.from_key(KEY)

    ben = new_person(server)
    sign_in_ben(ben, server)
    ben.goto("/security-info").follow("Add a method").press("Hardware token")
    ben.see_heading("Add your hardware token").picture("wizard-token")
    ben.fill("Serial number", "OT 17").fill("Code", "123456").press("Add the token")
    ben.see("Check the serial number and the code").picture("wizard-token-error")
    ben.fill("Serial number", "ot00017").fill("Code", fob.code(server)).press("Add the token")
    ben.see("Your hardware token is connected")
    assert "OT-000 17" in row(ben, "Hardware token").inner_text()
    assert "activated" in server.cli("token", "list").text

    server.advance(minutes=2)
    again = new_person(server)
    sign_in(again, "ben", PASSWORDS["ben"])
    if again.has("button", "Code from my hardware token"):
        again.press("Code from my hardware token")
    again.fill("6-digit code", fob.code(server)).press("Continue")
    assert "/flows/" not in again.path

    assert "available" in server.cli("token", "return", "OT-00017").text
    ben.goto("/security-info")
    assert row(ben, "Hardware token").count() == 0
