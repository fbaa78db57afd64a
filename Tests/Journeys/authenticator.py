"""What holds passkeys: Chromium's virtual authenticator, a security key or the device itself, as a person has it at hand."""

from __future__ import annotations

from checks import cdp


class Authenticator:
    """`Authenticator(ada)` is built into Ada's device and knows her finger; `Authenticator(ada, "usb", verifies=False)` is a
    security key that only notices a touch."""

    def __init__(self, person, transport: str = "internal", verifies: bool = True) -> None:
        self.session = cdp(person.page)
        # Chromium's own window would wait for somebody to press in it.
        self.session.send("WebAuthn.enable", {"enableUI": False})
        self.id = self.session.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": transport,
                    "hasResidentKey": verifies,
                    "hasUserVerification": verifies,
                    "isUserVerified": verifies,
                    "automaticPresenceSimulation": True,
                }
            },
        )["authenticatorId"]

    def passkeys(self) -> list[dict]:
        return self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]

    def knows_its_user(self, yes: bool) -> None:
        """Whether the next finger is the owner's."""
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": yes})

    def is_touched(self, yes: bool) -> None:
        """Whether somebody is there. Without, it waits: an offer beside the name stays one."""
        self.session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": self.id, "enabled": yes})

    def put(self, passkey: dict) -> None:
        self.session.send("WebAuthn.addCredential", {"authenticatorId": self.id, "credential": passkey})

    def forget(self, passkey: dict) -> None:
        self.session.send(
            "WebAuthn.removeCredential", {"authenticatorId": self.id, "credentialId": passkey["credentialId"]}
        )

    def is_a_copy(self) -> None:
        """As one that was copied before its last uses: its counter stands where it stood then."""
        for passkey in self.passkeys():
            self.forget(passkey)
            self.put(passkey | {"signCount": 0})

    def remove(self) -> None:
        self.session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.id})


def offers_nothing(person) -> None:
    """A browser that offers no passkeys beside the names that it remembers: they are used by the button alone."""
    person.context.add_init_script("if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false")


def closes_the_window(person) -> None:
    """The person closes the browser's window instead of touching anything: what a page hears of that."""
    person.page.evaluate(
        """() => {
            const closed = () => Promise.reject(new DOMException("closed", "NotAllowedError"));
            navigator.credentials.get = closed;
            navigator.credentials.create = closed;
        }"""
    )
