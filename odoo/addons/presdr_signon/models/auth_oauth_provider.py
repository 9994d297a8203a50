import logging
from urllib.parse import urlencode

from jose import jwt
from jose.exceptions import JOSEError
from odoo import fields, models
from odoo.exceptions import AccessDenied

_logger = logging.getLogger(__name__)

# What a logout token tells (OpenID Connect Back-Channel Logout 1.0, section 2.4).
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
# Beside the claims: the token that they are from.
ID_TOKEN = "presdr_signon.id_token"


class AuthOauthProvider(models.Model):
    _inherit = "auth.oauth.provider"

    issuer = fields.Char(help="Exactly as the provider's tokens name it in 'iss'. Tokens of any other issuer are refused.")
    end_session_endpoint = fields.Char(
        string="Sign-out URL",
        help="The provider's end_session_endpoint: whoever signs out of Odoo signs out there, too.",
    )

    def _parse_id_token(self, id_token, access_token):
        claims = super()._parse_id_token(id_token, access_token)
        if self.issuer and claims.get("iss") != self.issuer:
            _logger.warning("An ID token of another issuer was refused.")
            raise AccessDenied()
        if claims.get("odoo_db") not in (None, self.env.cr.dbname):
            _logger.warning("An ID token for another database was refused.")
            raise AccessDenied()
        return {**claims, ID_TOKEN: id_token}

    def _sign_out_url(self, id_token, back):
        """Where the browser signs out at the provider, to be sent back to `back`; None where the provider has no such page."""
        self.ensure_one()
        if not self.end_session_endpoint:
            return None
        query = {"id_token_hint": id_token, "client_id": self.client_id, "post_logout_redirect_uri": back}
        separator = "&" if "?" in self.end_session_endpoint else "?"
        return f"{self.end_session_endpoint}{separator}{urlencode(query)}"

    def _parse_logout_token(self, token):
        """The claims of a logout token that this provider signed for us; None of any other token.

        A token may be sent again until it expires: then it ends nothing, since a newer sign-in is another session at the provider.
        """
        self.ensure_one()
        try:
            header = jwt.get_unverified_header(token)
            if str(header.get("typ", "jwt")).lower() not in ("jwt", "logout+jwt"):
                return None
            for key in self._get_keys(header.get("kid")):
                claims = jwt.decode(token, key, algorithms=["RS256"], audience=self.client_id, issuer=self.issuer)
                break
            else:
                return None
        except JOSEError:
            return None
        # A nonce would make an ID token of it; without an end it could be sent for ever.
        tells = isinstance(claims.get("events"), dict) and LOGOUT_EVENT in claims["events"]
        whole = tells and "nonce" not in claims and claims.get("exp") and (claims.get("sub") or claims.get("sid"))
        return claims if whole else None
