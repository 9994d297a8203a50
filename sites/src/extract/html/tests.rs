use super::*;

fn read(html: &str) -> Vec<String> {
    let shown = |token| match token {
        Token::Start(tag) => {
            let attributes = tag.attributes().map(|(name, value)| format!(" {name}={}", decode_value(value)));
            format!("<{}{}>", tag.name, attributes.collect::<String>())
        }
        Token::End(name) => format!("</{name}>"),
        Token::Text(text) => decode(text).into_owned(),
        Token::Raw(tag, content) => format!("[{}: {content}]", tag.name),
    };
    tokens(html).map(shown).collect()
}

#[test]
fn attributes_are_read_however_they_are_quoted() {
    assert_eq!(
        read(r#"<a href="x>y" title='a"b' data-x=1/2 hidden>"#),
        [r#"<a href=x>y title=a"b data-x=1/2 hidden=>"#]
    );
    assert_eq!(read("<p title=it's><br/><img src = 'a.png' />"), ["<p title=it's>", "<br>", "<img src=a.png>"]);
    assert_eq!(read(r#"<a href="?a=1&copy=2&amp;b=&#64;">"#), ["<a href=?a=1&copy=2&b=@>"]);
}

#[test]
fn comments_and_raw_elements_hold_no_tags() {
    assert_eq!(
        read("<!doctype html>a<!-- <p> --><!-->b<script>if (a</b) '</p>'</script>c"),
        ["a", "b", "[script: if (a</b) '</p>']", "c"]
    );
    assert_eq!(read("<title>a <b></TITLE ><svg><title>x</title></svg>"), ["[title: a <b>]", "[svg: <title>x</title>]"]);
}

#[test]
fn broken_markup_loses_no_more_than_it_must() {
    assert_eq!(read("1 < 2 <b>x</ b></b"), ["1 ", "< 2 ", "<b>", "x", "</b>"]);
    assert_eq!(read("<p>a<textarea>b<p>c"), ["<p>", "a", "<textarea>", "b", "<p>", "c"]);
    assert_eq!(read("a<a href='x"), ["a"]);
    assert!(read("<").join("").contains('<'));
}

#[test]
fn character_references_are_decoded() {
    assert_eq!(
        decode("&copy;2024 &copy2024 a&commat;b&period;c &#64;&#x40; &#150; &#0; &nosuch; &amp;amp; & &"),
        "©2024 ©2024 a@b.c @@ – \u{fffd} &nosuch; &amp; & &"
    );
}
